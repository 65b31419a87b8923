/** What a test of the far side starts from: a signed bundle of the sample, a registry with TLS and login, a site file, a cluster. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedRegistry } from '../../demo/embedded-registry.ts';
import { pushSample } from '../../demo/sample.ts';
import { formatYaml, parseYaml } from '../../src/core/yaml.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { succeed, writeKeys } from './packing.ts';
import type { RegistryAccess } from './registry.ts';
import { freshRepository } from './shared-registries.ts';
import type { Upstream } from './upstream.ts';

/** Version of the newest release in the sample. */
export const SAMPLE_VERSION = '4.17.5';
/** Name of the CatalogSource of the sample's catalog. */
export const SAMPLE_CATALOG = 'cs-redhat-operator-index-v4-17';

export interface FarSide {
  readonly folder: string;
  /** `host:port/prefix` */
  readonly target: string;
  /** What every unpack begins with. */
  readonly bundle: readonly string[];
  /** Path of the site file. */
  readonly site: string;
  remove(): void;
}

/** A part of the site file as users write it. */
export type SiteDocument = Readonly<Record<string, unknown>>;

/**
 * Packs the sample and writes registry CA, credentials, pull secret and site file beside it. `packFlags` gives more flags for
 * the pack, which it may prepare on the connected side.
 */
export async function prepareFarSide(
  access: RegistryAccess,
  kubeconfig: string,
  packFlags: (side: Pick<Upstream, 'folder' | 'succeed'>) => Promise<readonly string[]> = async () => [],
): Promise<FarSide> {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-far-side-'));
  const source = await startEmbeddedRegistry();
  const ctx = { signal: new AbortController().signal, report: () => {} };
  const client = createRegistryClient({ userAgent: 'airgap-test', authFiles: [] }, ctx);
  const sample = await pushSample(client, source.host);
  try {
    writeFileSync(join(folder, 'imageset.yaml'), formatYaml(sample.imageSet));
    writeFileSync(join(folder, 'release-key.asc'), sample.releaseKey);
    const mirrors = sample.upstreams.map(
      (name) => `[[registry]]\nprefix = "${name}"\nlocation = "${source.host}/${name}"\n`,
    );
    writeFileSync(join(folder, 'registries.conf'), mirrors.join('\n'));
    const env = {
      CONTAINERS_REGISTRIES_CONF: 'registries.conf',
      UPDATE_URL_OVERRIDE: sample.server.graphEndpoint,
      OCP_SIGNATURE_URL: sample.server.signatureBaseUrl,
      OCP_SIGNATURE_VERIFICATION_PK: 'release-key.asc',
    };
    const { key } = writeKeys(folder);
    const run: Upstream['succeed'] = (...args) => succeed(args, { cwd: folder, env });
    const more = await packFlags({ folder, succeed: run });
    await run('pack', '-c', 'imageset.yaml', '-o', 'trip.tar', '--sign-key', key, ...more);
  } finally {
    client.close();
    await sample.server.close();
    await source.stop();
  }
  const target = `${access.host}/${freshRepository('far')}`;
  if (access.ca !== undefined) writeFileSync(join(folder, 'registry-ca.pem'), access.ca);
  const auth = Buffer.from('airgap:secret').toString('base64');
  writeFileSync(join(folder, 'pull-secret.json'), JSON.stringify({ auths: { [access.host]: { auth } } }));
  mkdirSync(join(folder, 'state'));
  const site = join(folder, 'site.yaml');
  writeFileSync(site, formatYaml(siteDocument(access, target, kubeconfig)));
  return {
    folder,
    target,
    bundle: ['unpack', 'trip.tar', '--key', 'release.pub', '--state-dir', 'state'],
    site,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Writes another site file whose management cluster differs from that of the first. */
export function writeSite(far: FarSide, change: (managementCluster: SiteDocument) => SiteDocument, name: string): void {
  const site = parseYaml(readFileSync(far.site, 'utf8'), far.site) as SiteDocument;
  const managementCluster = change(site['managementCluster'] as SiteDocument);
  // Fields set to undefined are left out.
  const document: unknown = JSON.parse(JSON.stringify({ ...site, managementCluster }));
  writeFileSync(join(far.folder, name), formatYaml(document));
}

/** Everything a site file can ask of the sample: trust, mirrors, catalogs, operators, ingress, one hosted cluster. */
function siteDocument(access: RegistryAccess, target: string, kubeconfig: string): SiteDocument {
  return {
    apiVersion: 'airgap/v1alpha1',
    kind: 'Site',
    registry: {
      target,
      ...(access.ca === undefined ? {} : { caFiles: ['registry-ca.pem'] }),
      ...(access.authFile === undefined ? {} : { authFile: access.authFile }),
    },
    managementCluster: {
      kubeconfig,
      storage: { kind: 'existing', storageClass: 'fast' },
      virtualization: { install: true },
      loadBalancer: { install: true, addressPools: [{ name: 'hosted', addresses: ['192.0.2.10-192.0.2.20'] }] },
      multiclusterEngine: { install: true, channel: 'stable-2.7' },
      ingress: { wildcardRoutes: true },
    },
    hostedClusters: [{ name: 'example', pullSecretFile: 'pull-secret.json', nodePoolReplicas: 2, memory: '8Gi' }],
  };
}
