/**
 * What the demonstration mirrors, small but with the structure of the real thing: an OpenShift release with its KubeVirt disk
 * and update graph, an operator catalog, and additional images (multi-arch, sharing layers, one signed and with an SBOM).
 * Everything lives in one registry under the names of the public ones; `registries.conf` leads there.
 */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { digestTag } from '../src/oci/reference.ts';
import { isManifestType, MEDIA_TYPE, type Descriptor } from '../src/oci/types.ts';
import type { RegistryClient } from '../src/registry/client.ts';
import { catalog, catalogImage } from '../test/support/catalogs.ts';
import { image, index, pushContent, type BuiltContent } from '../test/support/images.ts';
import { createTestKey } from '../test/support/openpgp.ts';
import {
  buildBaseImage,
  buildRelease,
  releaseWorld,
  startReleaseServer,
  type ReleaseServer,
} from '../test/support/releases.ts';

const MIB = 1024 * 1024;
const OPERATORS = 'registry.redhat.io';
const TEAM = 'registry.example.com';

export interface Sample {
  /** As the user writes it. */
  readonly imageSet: object;
  /** Armoured key of the releases. */
  readonly releaseKey: string;
  readonly server: ReleaseServer;
  /** Registries that `registries.conf` has to redirect. */
  readonly upstreams: readonly string[];
}

/** Pushes the sample below `host/<upstream registry>/…` and starts its update service. */
export async function pushSample(client: RegistryClient, host: string): Promise<Sample> {
  const push = (name: string, built: BuiltContent, tag?: string): Promise<Descriptor> =>
    pushContent(client.openRepository({ registry: host, repository: name }), built, tag);
  const key = createTestKey();
  const releases = ['4.17.4', '4.17.5'].map((version) => buildRelease({ version, layerSize: 200_000 }));
  const channels = { 'stable-4.17': ['4.17.4 -> 4.17.5'] };
  const world = releaseWorld({ key, releases, channels, images: [buildBaseImage()] });
  for (const { repository, tag, content } of world.images) await push(repository, content, tag);
  await pushOperators(push);
  await pushTeamImages(push);
  return {
    imageSet: {
      apiVersion: 'mirror.openshift.io/v2alpha1',
      kind: 'ImageSetConfiguration',
      mirror: {
        platform: {
          graph: true,
          kubeVirtContainer: true,
          channels: [{ name: 'stable-4.17', minVersion: '4.17.4', maxVersion: '4.17.5' }],
        },
        operators: [
          { catalog: `${OPERATORS}/redhat/redhat-operator-index:v4.17`, packages: [{ name: 'metallb-operator' }] },
        ],
        additionalImages: ['console:v1.0', 'api-server:v1.0', 'legacy:2.3', 'agent:5.1'].map((name) => ({
          name: `${TEAM}/team/${name}`,
        })),
      },
    },
    releaseKey: key.armoured,
    server: await startReleaseServer(world),
    upstreams: [...new Set([...world.images.map(({ repository }) => repository.split('/')[0]!), OPERATORS, TEAM])],
  };
}

type Push = (name: string, built: BuiltContent, tag?: string) => Promise<Descriptor>;

/** A catalog with two packages, of which the image set wants one. */
async function pushOperators(push: Push): Promise<void> {
  const operator = async (name: string): Promise<string> => {
    const root = await push(
      `${OPERATORS}/${name}`,
      image()
        .layer(`opt/${name}`, filler(name, MIB / 2))
        .build(),
    );
    return `${OPERATORS}/${name}@${root.digest}`;
  };
  const [bundle, controller, speaker] = await Promise.all(
    ['openshift4/metallb-operator-bundle', 'openshift4/metallb-rhel9', 'openshift4/frr-rhel9'].map(operator),
  );
  const other = await operator('openshift4/other-bundle');
  const files = catalog()
    .package('metallb-operator', { defaultChannel: 'stable' })
    .channel('stable', ['metallb-operator.v4.17.1 replaces metallb-operator.v4.17.0', 'metallb-operator.v4.17.0'])
    .bundle('metallb-operator.v4.17.0', '4.17.0', { image: bundle!, relatedImages: [{ name: '', image: bundle! }] })
    .bundle('metallb-operator.v4.17.1', '4.17.1', {
      image: bundle!,
      relatedImages: [
        { name: '', image: bundle! },
        { name: 'controller', image: controller! },
        { name: 'speaker', image: speaker! },
      ],
    })
    .package('other-operator', { defaultChannel: 'stable' })
    .channel('stable', ['other-operator.v1.0.0'])
    .bundle('other-operator.v1.0.0', '1.0.0', { image: other, relatedImages: [{ name: '', image: other }] })
    .files();
  const built = catalogImage(files, { platforms: ['linux/amd64', 'linux/arm64'] });
  const types = mediaTypesOf(built.content, built.root);
  const contents = [...built.content].map(([digest, bytes]) => ({
    descriptor: { mediaType: types.get(digest) ?? MEDIA_TYPE.ociLayerGzip, digest, size: bytes.length },
    bytes,
  }));
  // Blobs before the manifests that name them, the index last.
  const rank = (mediaType: string): number =>
    mediaType === MEDIA_TYPE.ociIndex ? 2 : isManifestType(mediaType) ? 1 : 0;
  const ordered = contents.toSorted((a, b) => rank(a.descriptor.mediaType) - rank(b.descriptor.mediaType));
  await push(`${OPERATORS}/redhat/redhat-operator-index`, { root: built.root, contents: ordered }, 'v4.17');
}

/** Media types of everything a root leads to. */
function mediaTypesOf(content: ReadonlyMap<string, Buffer>, root: Descriptor): Map<string, string> {
  const types = new Map<string, string>();
  const visit = (descriptor: Descriptor): void => {
    types.set(descriptor.digest, descriptor.mediaType);
    if (!isManifestType(descriptor.mediaType)) return;
    const document = JSON.parse(content.get(descriptor.digest)!.toString()) as {
      manifests?: Descriptor[];
      config?: Descriptor;
      layers?: Descriptor[];
    };
    for (const next of [
      ...(document.manifests ?? []),
      ...(document.config ? [document.config] : []),
      ...(document.layers ?? []),
    ]) {
      visit(next);
    }
  };
  visit(root);
  return types;
}

async function pushTeamImages(push: Push): Promise<void> {
  const base = (architecture: string): Buffer => filler(`base-${architecture}`, 8 * MIB);
  for (const name of ['console', 'api-server']) {
    const instances = ['amd64', 'arm64'].map((architecture) =>
      image()
        .platform(`linux/${architecture}`)
        .layer('usr/lib/base', base(architecture))
        .layer(`opt/${name}/bin`, filler(`${name}-${architecture}`, MIB))
        .build(),
    );
    await push(`${TEAM}/team/${name}`, index(instances).build(), 'v1.0');
  }
  const legacy = image().docker().layer('usr/lib/base', base('amd64')).layer('opt/legacy', filler('legacy', MIB));
  await push(`${TEAM}/team/legacy`, legacy.build(), '2.3');
  const agent = image().layer('usr/lib/base', base('amd64')).layer('opt/agent', filler('agent', MIB)).build();
  const root = await push(`${TEAM}/team/agent`, agent, '5.1');
  await push(`${TEAM}/team/agent`, cosignSignature(root), `${digestTag(root.digest)}.sig`);
  await push(`${TEAM}/team/agent`, sbomOf(root));
}

/** Bytes that look random (layers do not compress twice) and are the same in every run. */
function filler(seed: string, size: number): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < size; at += 64) blocks.push(createHash('sha512').update(`${seed} ${at}`).digest());
  return Buffer.concat(blocks).subarray(0, size);
}

/** A signature as cosign keeps it in a tag. */
function cosignSignature(subject: Descriptor): BuiltContent {
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': `${TEAM}/team/agent` },
        image: { 'docker-manifest-digest': subject.digest },
        type: 'cosign container image signature',
      },
      optional: null,
    }),
  );
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const signature = sign('sha256', payload, privateKey).toString('base64');
  return image()
    .rawLayer(payload, MEDIA_TYPE.cosignSimpleSigning, { 'dev.cosignproject.cosign/signature': signature })
    .build();
}

function sbomOf(subject: Descriptor): BuiltContent {
  const document = Buffer.from('{"spdxVersion":"SPDX-2.3","name":"agent","packages":[]}');
  return image()
    .artifactType('application/spdx+json')
    .subject(subject)
    .rawLayer(document, 'application/spdx+json')
    .build();
}
