/**
 * Small releases with the structure of real ones, built by code:
 *
 *     const key = createTestKey();
 *     const release = buildRelease({ version: '4.17.5' });
 *     release.images                       // every image with its repository: push them with one loop
 *     const world = releaseWorld({ key, releases: [release], channels: { 'stable-4.17': ['4.17.4 -> 4.17.5'] } });
 *     world.context()                      // what collectors may use, in memory
 *     const server = await startReleaseServer(world);   // the same documents over HTTP
 *
 * Components share base layers, some do not change from one version to the next, `cli` and `cli-artifacts` are one image.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { AirgapError } from '../../src/core/errors.ts';
import { formatYaml } from '../../src/core/yaml.ts';
import type { ProgressEvent } from '../../src/core/events.ts';
import type { FetchDocumentOptions, MirrorContext } from '../../src/mirror/mirror-plan.ts';
import { digestOf, hexOf, isDigest } from '../../src/oci/digest.ts';
import { buildLayer, type NewLayerEntry } from '../../src/oci/layer.ts';
import { repositoryName } from '../../src/oci/reference.ts';
import { MEDIA_TYPE } from '../../src/oci/types.ts';
import { image, index, tarOf, type BuiltContent, type ImageBuilder } from './images.ts';
import { signaturePayload, type SignOptions, type TestKey } from './openpgp.ts';

export const RELEASE_REPOSITORY = 'quay.io/openshift-release-dev/ocp-release';
export const COMPONENT_REPOSITORY = 'quay.io/openshift-release-dev/ocp-v4.0-art-dev';
export const BASE_REPOSITORY = 'registry.access.redhat.com/ubi9/ubi';

/** An image and where it lives. */
export interface PlacedImage {
  /** Registry and path. */
  readonly repository: string;
  readonly tag?: string;
  readonly content: BuiltContent;
}

export type ReleaseArchitecture = 'amd64' | 'arm64' | 'ppc64le' | 's390x' | 'multi';

export interface ReleaseFields {
  readonly version: string;
  readonly architecture?: ReleaseArchitecture;
  /** Component names; a selection of real ones by default. */
  readonly components?: readonly string[];
  /** Architecture keys of the boot images that get a KubeVirt disk; `x86_64` by default. */
  readonly disks?: readonly string[];
  readonly previous?: readonly string[];
  /** Bytes of each component's own layer. */
  readonly layerSize?: number;
  readonly releaseRepository?: string;
  readonly componentRepository?: string;
  /** Layers over the one with the release manifests. */
  readonly above?: readonly (readonly NewLayerEntry[])[];
  /** Changes to the files of the payload: path → content, undefined to leave one out. */
  readonly files?: Readonly<Record<string, string | undefined>>;
}

export interface BuiltRelease {
  readonly version: string;
  readonly architecture: ReleaseArchitecture;
  /** `4.17.5-x86_64` */
  readonly tag: string;
  /** The payload by tag, as its signature names it. */
  readonly identity: string;
  /** The payload by digest, as graphs name it. */
  readonly payload: string;
  readonly root: BuiltContent['root'];
  /** Component name → reference in the payload. */
  readonly components: ReadonlyMap<string, string>;
  /** Boot image architecture → reference of its KubeVirt disk. */
  readonly disks: ReadonlyMap<string, string>;
  readonly images: readonly PlacedImage[];
}

const TAG_SUFFIX: Readonly<Record<ReleaseArchitecture, string>> = {
  amd64: 'x86_64',
  arm64: 'aarch64',
  ppc64le: 'ppc64le',
  s390x: 's390x',
  multi: 'multi',
};

const COMPONENTS = [
  'agent-installer-api-server',
  'aws-ebs-csi-driver',
  'baremetal-operator',
  'cli',
  'cli-artifacts',
  'cluster-autoscaler',
  'cluster-config-operator',
  'cluster-etcd-operator',
  'cluster-ingress-operator',
  'cluster-network-operator',
  'cluster-version-operator',
  'console',
  'coredns',
  'etcd',
  'haproxy-router',
  'hyperkube',
  'hypershift',
  'installer',
  'ironic',
  'kube-proxy',
  'kube-rbac-proxy',
  'kubevirt-cloud-controller-manager',
  'kubevirt-csi-driver',
  'machine-config-operator',
  'machine-os-images',
  'multus-cni',
  'must-gather',
  'oauth-server',
  'openshift-apiserver',
  'operator-lifecycle-manager',
  'operator-marketplace',
  'ovn-kubernetes',
  'pod',
  'prometheus',
  'rhel-coreos',
  'service-ca-operator',
  'thanos',
  'tools',
];
/** These do not change between the versions of one minor. */
const STABLE_COMPONENTS: readonly string[] = [
  'coredns',
  'haproxy-router',
  'kube-rbac-proxy',
  'pod',
  'prometheus',
  'thanos',
];
const ALL_INSTANCES = ['linux/amd64', 'linux/arm64', 'linux/ppc64le', 'linux/s390x'] as const;

/** Builds payload, components and disks of one release. */
export function buildRelease(fields: ReleaseFields): BuiltRelease {
  const architecture = fields.architecture ?? 'amd64';
  const tag = `${fields.version}-${TAG_SUFFIX[architecture]}`;
  const releaseRepository = fields.releaseRepository ?? RELEASE_REPOSITORY;
  const componentRepository = fields.componentRepository ?? COMPONENT_REPOSITORY;
  const placed = (content: BuiltContent): PlacedImage => ({ repository: componentRepository, content });
  const components = new Map(
    (fields.components ?? COMPONENTS).map((name) => [name, componentImage(name, fields, architecture)] as const),
  );
  const disks = new Map((fields.disks ?? ['x86_64']).map((key) => [key, diskImage(key, fields.version)] as const));
  const referenceOf = (content: BuiltContent) => `${componentRepository}@${content.root.digest}`;
  const references = new Map([...components].map(([name, content]) => [name, referenceOf(content)]));
  const diskReferences = new Map([...disks].map(([key, content]) => [key, referenceOf(content)]));
  const files = {
    'release-manifests/image-references': JSON.stringify(imageReferences(fields.version, references), null, 2),
    'release-manifests/release-metadata': JSON.stringify(releaseMetadata(fields), null, 2),
    'release-manifests/0000_50_installer_coreos-bootimages.yaml': formatYaml(
      bootImages(fields.version, diskReferences),
    ),
    'release-manifests/0000_00_cluster-version-operator_03_deployment.yaml': 'kind: Deployment\n',
    ...fields.files,
  };
  const payload = byArchitecture(architecture, (platform) => payloadImage(platform, files, fields.above ?? []));
  return {
    version: fields.version,
    architecture,
    tag,
    identity: `${releaseRepository}:${tag}`,
    payload: `${releaseRepository}@${payload.root.digest}`,
    root: payload.root,
    components: references,
    disks: diskReferences,
    images: [
      ...[...components.values(), ...disks.values()].map(placed),
      { repository: releaseRepository, tag, content: payload },
    ],
  };
}

/** The base image of the graph-data image: an index of two instances. */
export function buildBaseImage(): PlacedImage {
  const instances = ['linux/amd64', 'linux/arm64'].map((platform) =>
    image().platform(platform).docker().layer('etc/redhat-release', `Red Hat Enterprise Linux, ${platform}\n`).build(),
  );
  return { repository: BASE_REPOSITORY, tag: 'latest', content: index(instances).docker().build() };
}

export interface WorldFields {
  readonly key: TestKey;
  readonly releases: readonly BuiltRelease[];
  /** Channel → updates, `4.17.3 -> 4.17.5`, or single versions. */
  readonly channels: Readonly<Record<string, readonly string[]>>;
  readonly images?: readonly PlacedImage[];
  /** Changes how one release is signed, by tag; null: not at all. */
  readonly signing?: Readonly<Record<string, SignOptions | null>>;
  /** Signature files by digest instead of the ones made here. */
  readonly signatures?: ReadonlyMap<string, readonly Buffer[]>;
}

export interface ReleaseWorld {
  readonly images: readonly PlacedImage[];
  /** Every document that was asked for. */
  readonly requests: URL[];
  readonly events: ProgressEvent[];
  /** The body of a document, or undefined. Hosts do not matter, paths and queries do. */
  respond(url: URL): Buffer | undefined;
  context(): MirrorContext;
}

/** Registries, update service and signature store of the connected side, in memory. */
export function releaseWorld(fields: WorldFields): ReleaseWorld {
  const images = [...fields.releases.flatMap((release) => release.images), ...(fields.images ?? [])];
  const signatures = new Map<string, readonly Buffer[]>(
    fields.releases.map(({ root, identity, tag }) => {
      const options = fields.signing?.[tag];
      const file = options === null ? [] : [fields.key.sign(signaturePayload(identity, root.digest), options)];
      return [root.digest, fields.signatures?.get(root.digest) ?? file] as const;
    }),
  );
  const requests: URL[] = [];
  const events: ProgressEvent[] = [];
  function respond(url: URL): Buffer | undefined {
    requests.push(url);
    if (url.pathname.endsWith('/graph-data')) return graphData();
    if (url.pathname.endsWith('/graph')) return Buffer.from(JSON.stringify(graphAnswer(fields, url)));
    const signature = /\/sha256=([0-9a-f]{64})\/signature-(\d+)$/.exec(url.pathname);
    return signature === null ? undefined : signatures.get(`sha256:${signature[1]}`)?.[Number(signature[2]) - 1];
  }
  return {
    images,
    requests,
    events,
    respond,
    context: () => ({
      signal: new AbortController().signal,
      report: (event) => events.push(event),
      openSource: (ref) => memorySource(images, repositoryName(ref)),
      fetchDocument: async (url: string, options: FetchDocumentOptions) => {
        const body = respond(new URL(url));
        if (body === undefined) throw new AirgapError('E_NOT_FOUND', `${url}: 404`);
        if (body.length > options.limit) throw new AirgapError('E_LIMIT', `${url}: too large`);
        return body;
      },
    }),
  };
}

export interface ReleaseServer {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  readonly graphEndpoint: string;
  readonly signatureBaseUrl: string;
  close(): Promise<void>;
}

/** Serves graphs, graph data and signatures of a world over HTTP on a free port of the loopback. */
export async function startReleaseServer(world: ReleaseWorld): Promise<ReleaseServer> {
  const server = createServer((request, response) => {
    const body = world.respond(new URL(request.url ?? '/', 'http://localhost'));
    response.writeHead(body === undefined ? 404 : 200, { 'content-length': body?.length ?? 0 });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    graphEndpoint: `${origin}/api/upgrades_info/v1/graph`,
    signatureBaseUrl: `${origin}/signatures/openshift/release/`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function componentImage(name: string, fields: ReleaseFields, architecture: ReleaseArchitecture): BuiltContent {
  const revision = STABLE_COMPONENTS.includes(name) ? fields.version.split('.').slice(0, 2).join('.') : fields.version;
  const ownName = name === 'cli-artifacts' ? 'cli' : name;
  return byArchitecture(architecture, (platform) =>
    withBase(image().platform(platform).docker(), platform)
      .layer(`usr/bin/${ownName}`, filler(`${ownName} ${revision} ${platform}`, fields.layerSize ?? 512))
      .label('io.openshift.release', revision)
      .build(),
  );
}

function payloadImage(
  platform: string,
  files: Readonly<Record<string, string | undefined>>,
  above: readonly (readonly NewLayerEntry[])[],
): BuiltContent {
  const entries = Object.entries(files).flatMap(([path, content]) =>
    content === undefined ? [] : [{ path, content: Buffer.from(content) }],
  );
  const built = withBase(image().platform(platform).docker(), platform)
    .layer('usr/bin/cluster-version-operator', filler(`cluster-version-operator ${platform}`, 512))
    .rawLayer(buildLayer(entries).content, MEDIA_TYPE.dockerLayerGzip);
  return above
    .reduce((next, layer) => next.rawLayer(buildLayer(layer).content, MEDIA_TYPE.dockerLayerGzip), built)
    .build();
}

function diskImage(key: string, version: string): BuiltContent {
  const platform = key === 's390x' ? 'linux/s390x' : 'linux/amd64';
  return image()
    .platform(platform)
    .docker()
    .layer('disk/rhcos.qcow2', filler(`disk ${key} ${version}`, 4096))
    .build();
}

function withBase(builder: ImageBuilder, platform: string): ImageBuilder {
  return builder
    .layer('etc/os-release', `NAME=${platform}\n`)
    .layer('usr/lib/base.so', filler(`base ${platform}`, 2048));
}

function byArchitecture(architecture: ReleaseArchitecture, build: (platform: string) => BuiltContent): BuiltContent {
  if (architecture !== 'multi') return build(`linux/${architecture}`);
  return index(ALL_INSTANCES.map(build)).docker().build();
}

/** Bytes that are always the same for a name and do not compress. */
function filler(name: string, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at * 32 < size; at += 1) parts.push(Buffer.from(hexOf(digestOf(`${name} ${at}`)), 'hex'));
  return Buffer.concat(parts).subarray(0, size);
}

function imageReferences(version: string, components: ReadonlyMap<string, string>): object {
  return {
    kind: 'ImageStream',
    apiVersion: 'image.openshift.io/v1',
    metadata: {
      name: version,
      creationTimestamp: '2024-02-26T18:29:52Z',
      annotations: { 'release.openshift.io/from-image-stream': `ocp/${version}` },
    },
    spec: {
      lookupPolicy: { local: false },
      tags: [...components].map(([name, reference]) => ({
        name,
        annotations: {
          'io.openshift.build.commit.id': hexOf(digestOf(name)).slice(0, 40),
          'io.openshift.build.commit.ref': '',
          'io.openshift.build.source-location': `https://github.com/openshift/${name}`,
        },
        from: { kind: 'DockerImage', name: reference },
        generation: null,
        importPolicy: {},
        referencePolicy: { type: '' },
      })),
    },
    status: { dockerImageRepository: '' },
  };
}

function releaseMetadata({ version, previous = [] }: ReleaseFields): object {
  return {
    kind: 'cincinnati-metadata-v0',
    version,
    previous,
    metadata: { url: `https://access.redhat.com/errata/${version}` },
  };
}

function bootImages(version: string, disks: ReadonlyMap<string, string>): object {
  const architectureOf = (key: string) => {
    const reference = disks.get(key);
    const build = `${version.replaceAll('.', '')}.92.202402201450-0`;
    const kubevirt = { release: build, image: `${COMPONENT_REPOSITORY}:${version}-kubevirt`, 'digest-ref': reference };
    return { ...(reference === undefined ? {} : { images: { kubevirt } }), 'rhel-coreos-extensions': {} };
  };
  const keys = ['x86_64', 'aarch64', 'ppc64le', 's390x'];
  const stream = {
    stream: 'rhcos-4.17',
    metadata: { 'last-modified': '2024-03-07T20:02:01Z', generator: 'plume cosa2stream' },
    architectures: Object.fromEntries(keys.map((key) => [key, architectureOf(key)])),
  };
  return {
    apiVersion: 'v1',
    data: { releaseVersion: '0.0.1-snapshot', stream: `${JSON.stringify(stream, null, 2)}\n` },
    kind: 'ConfigMap',
    metadata: { name: 'coreos-bootimages', namespace: 'openshift-machine-config-operator' },
  };
}

/** A graph as the public service answers it; an unknown channel is an empty graph. */
function graphAnswer(fields: WorldFields, url: URL): object {
  const channel = url.searchParams.get('channel') ?? '';
  const architecture = url.searchParams.get('arch') ?? '';
  const updates = (fields.channels[channel] ?? []).map((text) => text.split(' -> '));
  const versions = [...new Set(updates.flat())];
  const nodes = versions.flatMap((version) => {
    const release = fields.releases.find((one) => one.version === version && one.architecture === architecture);
    if (release === undefined) return [];
    const channels = Object.keys(fields.channels).filter((name) => fields.channels[name]!.join(' ').includes(version));
    return [
      {
        version,
        payload: release.payload,
        metadata: {
          'io.openshift.upgrades.graph.release.channels': channels.join(','),
          'io.openshift.upgrades.graph.release.manifestref': release.root.digest,
          url: `https://access.redhat.com/errata/${version}`,
        },
      },
    ];
  });
  const position = (version: string | undefined) => nodes.findIndex((node) => node.version === version);
  const edges = updates
    .filter((pair) => pair.length === 2)
    .map(([from, to]) => [position(from), position(to)])
    .filter((edge) => !edge.includes(-1));
  return { version: 1, nodes, edges, conditionalEdges: [] };
}

function graphData(): Buffer {
  return gzipSync(
    tarOf({
      './version': '1.2.0\n',
      './channels/stable-4.17.yaml': 'name: stable-4.17\nversions:\n- 4.17.5\n',
      './blocked-edges/4.17.4.yaml': 'to: 4.17.4\nfrom: .*\n',
    }),
  );
}

function memorySource(images: readonly PlacedImage[], repository: string): ReturnType<MirrorContext['openSource']> {
  const here = images.filter((placed) => placed.repository === repository);
  const contents = here.flatMap(({ content }) => content.contents);
  const find = (reference: string) => {
    const digest = isDigest(reference) ? reference : here.find(({ tag }) => tag === reference)?.content.root.digest;
    const found = contents.find(({ descriptor }) => descriptor.digest === digest);
    if (found === undefined) throw new AirgapError('E_NOT_FOUND', `${repository} has no ${reference}`);
    return found;
  };
  return {
    resolve: async (reference) => find(reference).descriptor,
    fetch: async (descriptor, { offset = 0 }) =>
      Readable.from([find(descriptor.digest).bytes.subarray(offset)], { objectMode: false }),
    referrers: async () => [],
  };
}
