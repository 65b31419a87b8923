import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import test from 'node:test';
import { ManagementClusterSchema } from '../../../src/apply/site-schema.ts';
import { parseYamlStream } from '../../../src/core/yaml.ts';
import type { PlanFile } from '../../../src/mirror/plan-file.ts';
import type { RegistryClient } from '../../../src/registry/client.ts';
import { renderCluster } from '../../../src/workflows/cluster.ts';
import { generateResources } from '../../../src/workflows/resources.ts';

const digest = `sha256:${'0'.repeat(64)}` as const;
const target = { registry: 'registry.example.com:5000', prefix: 'mirror' };
const index = { repository: 'redhat/redhat-operator-index', tag: 'v4.20' };
const plan: PlanFile = {
  schemaVersion: 1,
  images: [
    {
      kind: 'release',
      origin: `quay.io/openshift-release-dev/ocp-release@${digest}`,
      source: `quay.io/openshift-release-dev/ocp-release@${digest}`,
      digest,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      size: 1,
      target: { repository: 'openshift/release-images', tag: '4.20.1-x86_64' },
      because: ['release 4.20.1'],
      bytes: 1,
    },
    {
      kind: 'catalog',
      origin: 'registry.redhat.io/redhat/redhat-operator-index:v4.20',
      source: `registry.redhat.io/redhat/redhat-operator-index@${digest}`,
      digest,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      size: 1,
      target: index,
      because: ['catalog registry.redhat.io/redhat/redhat-operator-index:v4.20'],
      bytes: 1,
    },
  ],
  releases: [],
  catalogs: [
    {
      reference: 'registry.redhat.io/redhat/redhat-operator-index:v4.20',
      digest,
      target: index,
      isFull: false,
      packages: [
        {
          name: 'kubevirt-hyperconverged',
          defaultChannel: 'stable',
          channels: [{ name: 'stable', bundles: [] }],
          bundles: [],
          sizes: { new: 0, shared: 0, total: 0 },
        },
      ],
      sizes: { new: 1, shared: 0, total: 1 },
    },
  ],
  gaps: [],
  warnings: [],
  totalBytes: 1,
};

test('without a cluster every step is written to a file of its own, in order and without Secrets', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-render-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const ctx = { signal: new AbortController().signal, report: () => {} };
  const resources = await generateResources(plan, {
    target,
    readFile: async () => Buffer.alloc(0),
    createdAt: '2026-01-01T00:00:00Z',
    version: '1',
    mirrorForm: 'sets',
  });
  const options = {
    resources,
    // Nothing is asked of the registry.
    registry: {} as RegistryClient,
    selection: { skip: ['ingress-policy'] },
    dryRun: false,
    forceConflicts: false,
    replaceMirrors: false,
    confirm: async () => assert.fail('nothing to confirm'),
  };
  const cluster = ManagementClusterSchema.parse({
    virtualization: { install: true, channel: 'stable' },
    ingress: { wildcardRoutes: true },
  });
  const facts = { plan, target, caBundles: [], credential: { auth: 'c2VjcmV0' }, cluster, hosted: [] };
  const paths = await renderCluster(folder, facts, options, ctx);
  assert.deepEqual(
    paths.map((path) => basename(path)),
    ['01-mirror-sets.yaml', '02-catalogs.yaml', '03-virtualization.yaml'],
  );
  const kinds = paths.map((path) =>
    parseYamlStream(readFileSync(path, 'utf8'), path).map((object) => (object as { kind: string }).kind),
  );
  const subscription = readFileSync(
    paths.find((path) => path.includes('virtualization'))!,
    'utf8',
  );
  assert.match(subscription, /source: cs-redhat-operator-index-v4-20/);
  assert.deepEqual(kinds, [
    ['ImageDigestMirrorSet'],
    ['OperatorHub', 'CatalogSource', 'ClusterCatalog'],
    ['Namespace', 'OperatorGroup', 'Subscription', 'HyperConverged'],
  ]);
});
