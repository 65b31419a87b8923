import type { Digest } from '../oci/digest.ts';
import type { Catalog } from './catalog.ts';
import { compareText, versionTextOf } from './catalog.ts';
import { imagesOf } from './catalog-images.ts';
import type { TargetName } from './mirror-plan.ts';

/** What is taken of a catalog, as data for reports and for the resources that make a cluster use it. */
export interface CatalogInfo {
  /** As the configuration writes it. */
  readonly reference: string;
  /** Of the catalog where it comes from. */
  readonly digest: Digest;
  readonly target: TargetName;
  /** True when the catalog travels untouched. */
  readonly isFull: boolean;
  /** Digest of the rebuilt catalog and the tag the vendor tool would keep it under; absent when it travels untouched. */
  readonly rebuilt?: { readonly digest: Digest; readonly filterHash: string };
  /** File with a CatalogSource to start from. */
  readonly sourceTemplate?: string;
  readonly packages: readonly PackageInfo[];
}

export interface PackageInfo {
  readonly name: string;
  readonly defaultChannel: string;
  readonly channels: readonly ChannelInfo[];
  /** The operator bundles kept, of all channels. */
  readonly bundles: readonly BundleInfo[];
}

export interface ChannelInfo {
  readonly name: string;
  /** Names of the operator bundles kept, in the order of the catalog. */
  readonly bundles: readonly string[];
}

export interface BundleInfo {
  readonly name: string;
  readonly version: string;
  /** Its own image and its related images, as the catalog writes them. */
  readonly images: readonly string[];
}

/** Packages, channels and operator bundles of a catalog (or of what was kept of it), sorted by package and channel. */
export function packageInfos(catalog: Catalog): PackageInfo[] {
  const channels = Map.groupBy(catalog.channels, (channel) => channel.package);
  const bundles = Map.groupBy(catalog.bundles, (bundle) => bundle.package);
  return catalog.packages
    .toSorted((a, b) => compareText(a.name, b.name))
    .map(({ name, defaultChannel }) => ({
      name,
      defaultChannel,
      channels: (channels.get(name) ?? [])
        .toSorted((a, b) => compareText(a.name, b.name))
        .map((channel) => ({ name: channel.name, bundles: channel.entries.map((entry) => entry.name) })),
      bundles: (bundles.get(name) ?? []).map((bundle) => ({
        name: bundle.name,
        version: versionTextOf(bundle) ?? '',
        images: imagesOf(bundle),
      })),
    }));
}
