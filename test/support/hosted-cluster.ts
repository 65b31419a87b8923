import type { HostedClusterFiles } from '../../src/apply/hosted-cluster-files.ts';
import type { HostedClusterOptions } from '../../src/apply/hosted-cluster-options.ts';
import { planHostedCluster, type BundleContent } from '../../src/apply/hosted-cluster-plan.ts';
import { readHostedCluster } from '../../src/apply/hosted-cluster-reader.ts';
import { readHostedClusterFlags, type FlagValue } from '../../src/apply/hosted-cluster-flags.ts';
import type { KubeObject } from '../../src/apply/kube-object.ts';

export const RELEASE_IMAGE = `registry.example.com:5000/openshift/release-images@sha256:${'a'.repeat(64)}`;
export const EMPTY_BUNDLE: BundleContent = { releases: [], catalogs: [], imageContentSources: [] };
export const FRESH = { infraId: 'example-x7k2q', encryptionKey: new Uint8Array(32).fill(7) };
export const FILES: HostedClusterFiles = { pullSecret: Buffer.from('{"auths":{"r":{}}}'), imageContentSources: [] };

/** Options from flags; name, pull secret and release are given where a test does not care. */
export function optionsOf(flags: Readonly<Record<string, FlagValue | undefined>> = {}): HostedClusterOptions {
  const all = { name: 'example', 'pull-secret': 'pull-secret.json', 'release-image': RELEASE_IMAGE, ...flags };
  return readHostedCluster(readHostedClusterFlags(all), 'flags');
}

/** The objects of a new hosted cluster. */
export function renderFlags(
  flags: Readonly<Record<string, FlagValue>> = {},
  files: Partial<HostedClusterFiles> = {},
  bundle: BundleContent = EMPTY_BUNDLE,
): readonly KubeObject[] {
  const environment = { bundle, live: { nodePools: [] }, fresh: FRESH, allowRemovals: false };
  return planHostedCluster(optionsOf(flags), { ...FILES, ...files }, environment).objects;
}

/** The one object of a kind. */
export function objectOf(objects: readonly KubeObject[], kind: string, name?: string): KubeObject {
  const found = objects.filter(
    (object) => object.kind === kind && (name ?? object.metadata.name) === object.metadata.name,
  );
  if (found.length !== 1) throw new Error(`${found.length} objects of kind ${kind}`);
  return found[0]!;
}
