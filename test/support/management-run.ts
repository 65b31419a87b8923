/** What tests of the management cluster's steps run with: a site, a bundle's resources, a context with short patience. */
import type { ManagementInput } from '../../src/apply/management-input.ts';
import type { KubeObject } from '../../src/apply/kube-object.ts';
import { ManagementClusterSchema } from '../../src/apply/site-schema.ts';
import type { StepContext, StepResult } from '../../src/apply/step.ts';
import { DEFAULT_TIMEOUTS, type Timeouts } from '../../src/apply/timeouts.ts';
import { testClient } from './apiserver.ts';
import { createAuthority } from './certificates.ts';

export const REGISTRY = 'registry.example.com:5000';
export const CATALOG = 'cs-redhat-operator-index-v4-20';
const INDEX_REPOSITORY = `${REGISTRY}/redhat/redhat-operator-index`;
const INDEX = `${INDEX_REPOSITORY}:v4.20`;
/** The catalog of this bundle, and that of the next one under the same tag. */
export const CATALOG_IMAGE = `${INDEX_REPOSITORY}@sha256:${'a'.repeat(64)}`;
export const NEXT_CATALOG_IMAGE = `${INDEX_REPOSITORY}@sha256:${'b'.repeat(64)}`;

export const SITE = {
  storage: { kind: 'lvms', install: true, deviceClasses: [{ paths: ['/dev/disk/by-path/x'] }] },
  virtualization: { install: true },
  loadBalancer: { install: true, addressPools: [{ name: 'hosted', addresses: ['192.0.2.10-192.0.2.20'] }] },
  multiclusterEngine: { install: true, approval: 'Manual', channel: 'stable-2.10' },
  ingress: { wildcardRoutes: true },
};

/** Nothing waits for minutes, and what must not happen is seen soon. */
const PATIENCE: Timeouts = {
  ...(Object.fromEntries(Object.keys(DEFAULT_TIMEOUTS).map((key) => [key, 20_000])) as unknown as Timeouts),
  poolsPerNodeMs: 0,
  graceMs: 300,
  noticeMs: 300,
  settleMs: 100,
  webhookMs: 300,
  probeMs: 300,
  pollMs: 100,
};

const authority = createAuthority().ca;

export function managementInput(catalogImage = CATALOG_IMAGE): ManagementInput {
  return {
    cluster: ManagementClusterSchema.parse(SITE),
    registries: [{ host: REGISTRY, certificates: authority, credentials: { [REGISTRY]: { auth: 'bmV3Om5ldw==' } } }],
    trustBundle: authority,
    packages: [
      { name: 'kubevirt-hyperconverged', channels: ['stable'], catalogSource: CATALOG },
      { name: 'lvms-operator', channels: [], catalogSource: CATALOG },
      { name: 'metallb-operator', channels: [], catalogSource: CATALOG },
      { name: 'multicluster-engine', channels: ['stable-2.10'], catalogSource: CATALOG },
    ],
    catalogImages: { [INDEX]: catalogImage },
    hosted: { isHighlyAvailable: true, addresses: 2, needsDefaultStorageClass: false },
  };
}

export function mirrorSet(
  kind: 'ImageDigestMirrorSet' | 'ImageTagMirrorSet',
  entries: Readonly<Record<string, string>>,
  mirrorSourcePolicy?: string,
): KubeObject {
  const isDigest = kind === 'ImageDigestMirrorSet';
  const policy = mirrorSourcePolicy === undefined ? {} : { mirrorSourcePolicy };
  const list = Object.entries(entries).map(([source, mirror]) => ({ source, mirrors: [mirror], ...policy }));
  return {
    apiVersion: 'config.openshift.io/v1',
    kind,
    // A new time on each run must not count as a change.
    metadata: {
      name: isDigest ? 'idms-release-0' : 'itms-generic-0',
      annotations: { createdAt: new Date().toISOString(), createdBy: 'airgap' },
    },
    spec: { [isDigest ? 'imageDigestMirrors' : 'imageTagMirrors']: list },
  };
}

/** Resources as a bundle generates them, with their annotations of the moment. */
export function bundleResources(): KubeObject[] {
  const annotations = { createdAt: new Date().toISOString(), createdBy: 'airgap' };
  return [
    mirrorSet('ImageDigestMirrorSet', {
      'quay.io/openshift-release-dev/ocp-release': `${REGISTRY}/openshift/release-images`,
      'quay.io/openshift-release-dev/ocp-v4.0-art-dev': `${REGISTRY}/openshift/release`,
    }),
    mirrorSet('ImageTagMirrorSet', { 'registry.redhat.io/openshift4': `${REGISTRY}/openshift4` }),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'mirrored-release-signatures',
        namespace: 'openshift-config-managed',
        labels: { 'release.openshift.io/verification-signatures': '' },
        annotations,
      },
      binaryData: { 'sha256-00-1': 'AAAA' },
    },
    {
      apiVersion: 'operators.coreos.com/v1alpha1',
      kind: 'CatalogSource',
      metadata: { name: CATALOG, namespace: 'openshift-marketplace', annotations },
      spec: { sourceType: 'grpc', image: INDEX },
    },
    {
      apiVersion: 'olm.operatorframework.io/v1',
      kind: 'ClusterCatalog',
      metadata: { name: 'cc-redhat-operator-index-v4-20', annotations },
      spec: { source: { type: 'Image', image: { ref: INDEX } }, priority: 0 },
    },
  ];
}

export function contextFor(
  server: { readonly kubeconfig: string },
  extra: Partial<Omit<StepContext, 'timeouts'>> & { readonly timeouts?: Partial<Timeouts> } = {},
): StepContext {
  return {
    client: testClient(server),
    signal: new AbortController().signal,
    report: () => {},
    resources: bundleResources(),
    options: { dryRun: false, forceConflicts: false, replaceMirrors: false },
    confirm: async () => true,
    ...extra,
    timeouts: { ...PATIENCE, ...extra.timeouts },
  };
}

/** What a run did, one line per object: `created Kind/namespace/name`. */
export function actions(results: readonly StepResult[]): string[] {
  return results.flatMap(({ changes }) => changes.map(({ subject, action }) => `${action} ${subject}`));
}
