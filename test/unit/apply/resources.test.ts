import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { MirroredImage } from '../../../src/apply/mirror-entry.ts';
import type { ImageKind } from '../../../src/oci/image-kind.ts';
import { buildClusterResources, type ClusterResourcesInput } from '../../../src/apply/resources.ts';
import { parseYaml } from '../../../src/core/yaml.ts';

const FIXTURES = new URL('../../fixtures/oc-mirror/', import.meta.url);
const ANNOTATIONS = { createdAt: '2026-11-24T02:23:46Z', createdBy: 'test' };

function input(given: Partial<ClusterResourcesInput>): ClusterResourcesInput {
  return {
    images: [],
    catalogs: [],
    signatures: [],
    mirrors: { repositoryScope: false, hostSources: 'keep' },
    mirrorForm: 'sets',
    annotations: ANNOTATIONS,
    ...given,
  };
}

/** The images of a recorded run: origin and target from its mapping file, moved from the cache to the target. */
function recordedImages(run: string): MirroredImage[] {
  const lines = readFileSync(new URL(`${run}/mapping.txt`, FIXTURES), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => {
    const separator = line.indexOf('=docker://localhost:55000/');
    const origin = line.slice(0, separator);
    const target = line.slice(separator + 1).replace('docker://localhost:55000/', 'localhost:5020/ocp/');
    return { kind: kindOf(origin), origin, target };
  });
}

function kindOf(origin: string): ImageKind {
  if (origin.includes('/ocp-release:')) return 'release';
  if (origin.includes('/ocp-v4.0-art-dev@')) return 'releaseContent';
  if (origin.includes('-operator-index@')) return 'catalog';
  if (origin.includes('-bundle@')) return 'operatorBundle';
  return origin.includes('registry.redhat.io/') ? 'relatedImage' : 'additional';
}

/** The run's files with the lists whose order the vendor's tool leaves to chance brought into ours. */
function recordedFiles(run: string): Record<string, string> {
  const folder = new URL(`${run}/cluster-resources/`, FIXTURES);
  return Object.fromEntries(
    readdirSync(folder).map((name) => {
      const text = readFileSync(new URL(name, folder), 'utf8');
      return [name, sortEntries(text)];
    }),
  );
}

function sortEntries(text: string): string {
  const blocks = text.split(/^(?= {2}- mirrors:)/m);
  const [head = '', ...entries] = blocks;
  const bySource = (entry: string): string => /source: (\S+)/.exec(entry)?.[1] ?? '';
  return head + entries.toSorted((a, b) => (bySource(a) < bySource(b) ? -1 : 1)).join('');
}

/** The annotations of the run itself, so that all bytes can be compared. */
function recordedAnnotations(run: string): Record<string, string> {
  const folder = new URL(`${run}/cluster-resources/`, FIXTURES);
  const text = readFileSync(new URL('idms-oc-mirror.yaml', folder), 'utf8');
  const document = parseYaml(text, 'idms') as { metadata: { annotations: Record<string, string> } };
  return document.metadata.annotations;
}

function filesOf(given: Partial<ClusterResourcesInput>): Record<string, string> {
  const built = buildClusterResources(input(given));
  return Object.fromEntries(built.files.map((file) => [file.name, file.content]));
}

describe('buildClusterResources against recorded runs', () => {
  it('writes the mirror sets of additional images byte for byte', () => {
    const run = 'a01-additional';
    const isc = parseYaml(readFileSync(new URL(`${run}/isc.yaml`, FIXTURES), 'utf8'), 'isc') as {
      mirror: { additionalImages: { name: string }[] };
    };
    // The mapping shows sources; mirror entries follow what the user wrote.
    const images = recordedImages(run).map((image, index) => ({
      kind: 'additional' as const,
      origin: isc.mirror.additionalImages[index]?.name ?? '',
      target: image.target,
    }));
    assert.deepEqual(filesOf({ images, annotations: recordedAnnotations(run) }), recordedFiles(run));
  });

  it('writes mirror sets and both catalog resources of an operator catalog byte for byte', () => {
    const run = 'o02-channels';
    const images = recordedImages(run);
    const catalogs = images.filter((image) => image.kind === 'catalog').map(({ target }) => ({ target }));
    assert.equal(catalogs.length, 1);
    const names = ['cc-redhat-operator-index-v4-17.yaml', 'cs-redhat-operator-index-v4-17.yaml', 'idms-oc-mirror.yaml'];
    const files = filesOf({ images, catalogs, annotations: recordedAnnotations(run) });
    assert.deepEqual(Object.keys(files).toSorted(), names);
    assert.deepEqual(files, recordedFiles(run));
  });

  it('writes mirror sets and signatures of a release byte for byte', () => {
    const run = 'r01-single-version';
    const recorded = recordedFiles(run);
    const configMap = JSON.parse(recorded['signature-configmap.json'] ?? '') as { binaryData: Record<string, string> };
    const [[key, value] = ['', '']] = Object.entries(configMap.binaryData);
    const signatures = [
      { digest: `sha256:${key.slice(7, -2)}` as const, content: new Uint8Array(Buffer.from(value, 'base64')) },
    ];
    const files = filesOf({ images: recordedImages(run), signatures, annotations: recordedAnnotations(run) });
    assert.deepEqual(files, recorded);
  });
});

describe('buildClusterResources', () => {
  const DIGEST = `sha256:${'a'.repeat(64)}` as const;
  const release: MirroredImage = {
    kind: 'release',
    origin: 'quay.io/openshift-release-dev/ocp-release:4.17.3-x86_64',
    target: 'registry.lab:8443/ocp/openshift/release-images:4.17.3-x86_64',
  };
  const additional: MirroredImage = {
    kind: 'additional',
    origin: 'registry.redhat.io/ubi9/ubi:latest',
    target: 'registry.lab:8443/ocp/base/ubi9:stable',
  };

  it('lists resources in the order they are applied, one file a kind', () => {
    const built = buildClusterResources(
      input({
        images: [additional, release],
        catalogs: [{ target: 'registry.lab:8443/ocp/redhat/redhat-operator-index:v4.17' }],
        signatures: [{ digest: DIGEST, content: Buffer.from('s') }],
        updateService: {
          graphDataImage: 'registry.lab:8443/ocp/openshift/graph-image:latest',
          releaseImage: release.target,
        },
      }),
    );
    assert.deepEqual(
      built.resources.map((resource) => `${resource.kind}/${resource.metadata.name}`),
      [
        'ImageDigestMirrorSet/idms-release-0',
        'ImageTagMirrorSet/itms-release-0',
        'ImageTagMirrorSet/itms-generic-0',
        'CatalogSource/cs-redhat-operator-index-v4-17',
        'ClusterCatalog/cc-redhat-operator-index-v4-17',
        'ConfigMap/mirrored-release-signatures',
        'UpdateService/update-service-oc-mirror',
      ],
    );
    assert.deepEqual(
      built.files.map((file) => file.name),
      [
        'idms-oc-mirror.yaml',
        'itms-oc-mirror.yaml',
        'cs-redhat-operator-index-v4-17.yaml',
        'cc-redhat-operator-index-v4-17.yaml',
        'signature-configmap.json',
        'signature-configmap.yaml',
        'updateService.yaml',
      ],
    );
    assert.deepEqual(built.warnings, []);
  });

  it('writes nothing when nothing was mirrored', () => {
    assert.deepEqual(buildClusterResources(input({})), { resources: [], files: [], warnings: [] });
  });

  it('writes policies instead of mirror sets on request, and says which pulls by tag they leave out', () => {
    const built = buildClusterResources(input({ images: [release, additional], mirrorForm: 'policies' }));
    assert.deepEqual(built.resources, [
      {
        apiVersion: 'operator.openshift.io/v1alpha1',
        kind: 'ImageContentSourcePolicy',
        metadata: { name: 'icsp-release-0', annotations: ANNOTATIONS },
        spec: {
          repositoryDigestMirrors: [
            {
              source: 'quay.io/openshift-release-dev/ocp-release',
              mirrors: ['registry.lab:8443/ocp/openshift/release-images'],
            },
          ],
        },
      },
    ]);
    assert.deepEqual(
      built.files.map((file) => file.name),
      ['icsp-oc-mirror.yaml'],
    );
    assert.match(built.warnings[0]?.message ?? '', /registry\.redhat\.io\/ubi9\/ubi/);
  });

  it('warns of an entry that redirects a whole registry', () => {
    const image = { kind: 'additional', origin: 'quay.io/b:1', target: 'r:5000/m/b:1' } as const;
    const built = buildClusterResources(input({ images: [image] }));
    assert.match(built.warnings[0]?.message ?? '', /quay\.io redirects the whole registry/);
    const narrowed = buildClusterResources(
      input({ images: [image], mirrors: { repositoryScope: false, hostSources: 'narrow' } }),
    );
    assert.deepEqual(narrowed.warnings, []);
  });

  it('refuses two catalogs that would have one name', () => {
    const catalogs = [{ target: 'r:5000/a/index:v4.17' }, { target: 'r:5000/b/index:v4.17' }];
    assert.throws(() => buildClusterResources(input({ catalogs })), { code: 'E_CONFIG', message: /cs-index-v4-17/ });
  });
});
