import type { KubeClient } from './kube-client.ts';
import { listAt, textAt, textMapAt, valueAt } from './kube-object.ts';

const MANIFESTS = {
  apiVersion: 'packages.operators.coreos.com/v1',
  kind: 'PackageManifest',
  namespace: 'openshift-marketplace',
};

export interface OfferedChannel {
  readonly name: string;
  readonly currentCSV: string;
  /** Install modes that the operator supports: `OwnNamespace`, `AllNamespaces`, … */
  readonly installModes: readonly string[];
  readonly suggestedNamespace?: string;
}

/** A package as a catalog of the cluster offers it. The same package may come from several catalogs. */
export interface OfferedPackage {
  readonly name: string;
  readonly catalogSource: string;
  readonly catalogSourceNamespace: string;
  readonly defaultChannel: string;
  readonly channels: readonly OfferedChannel[];
}

/** All packages of all catalogs (Operator Lifecycle Manager, PackageManifest); none where the API is absent or not up yet. */
export async function listPackages(client: KubeClient): Promise<OfferedPackage[]> {
  return (await client.list(MANIFESTS)).map((manifest) => ({
    name: textAt(manifest, 'status', 'packageName') ?? manifest.metadata.name,
    catalogSource: textAt(manifest, 'status', 'catalogSource') ?? '',
    catalogSourceNamespace: textAt(manifest, 'status', 'catalogSourceNamespace') ?? '',
    defaultChannel: textAt(manifest, 'status', 'defaultChannel') ?? '',
    channels: listAt(manifest, 'status', 'channels').map(readChannel),
  }));
}

/** The channel to install from: the wanted one, else the default, else (its entries were filtered out) the only one left. */
export function chooseChannel(offered: OfferedPackage, wanted: string | undefined): OfferedChannel | undefined {
  const named = (name: string) => offered.channels.find((channel) => channel.name === name);
  if (wanted !== undefined) return named(wanted);
  return named(offered.defaultChannel) ?? (offered.channels.length === 1 ? offered.channels[0] : undefined);
}

function readChannel(channel: unknown): OfferedChannel {
  const namespace = textMapAt(channel, 'currentCSVDesc', 'annotations')['operatorframework.io/suggested-namespace'];
  return {
    name: textAt(channel, 'name') ?? '',
    currentCSV: textAt(channel, 'currentCSV') ?? '',
    installModes: listAt(channel, 'currentCSVDesc', 'installModes')
      .filter((mode) => valueAt(mode, 'supported') === true)
      .map((mode) => textAt(mode, 'type') ?? ''),
    ...(namespace === undefined ? {} : { suggestedNamespace: namespace }),
  };
}
