import type { ManagementCluster } from './site-schema.ts';

/** A package the bundle carries, with the channels that were selected. */
export interface SelectedPackage {
  readonly name: string;
  readonly channels: readonly string[];
  /** Name of the CatalogSource it is in. */
  readonly catalogSource: string;
}

/** A registry the cluster pulls from. */
export interface TrustedRegistry {
  /** `host` or `host:port`, as in image references. */
  readonly host: string;
  /** PEM of its CA; absent when it is publicly trusted. */
  readonly certificates?: string;
  /** Entries of a docker config file for this registry: `host[:port][/path]` → entry. */
  readonly credentials?: Readonly<Record<string, RegistryCredential>>;
}

export type RegistryCredential = Readonly<Record<string, unknown>>;

/** What preflight must know of the hosted clusters that will follow. */
export interface HostedExpectations {
  /** One of them has three control plane replicas. */
  readonly isHighlyAvailable: boolean;
  /** Not all of them name their storage classes. */
  readonly needsDefaultStorageClass: boolean;
}

/** Everything the steps of the management cluster work from. */
export interface ManagementInput {
  readonly cluster: ManagementCluster;
  readonly registries: readonly TrustedRegistry[];
  /** PEM certificates for the cluster-wide trust bundle. */
  readonly trustBundle?: string;
  readonly packages: readonly SelectedPackage[];
  /** Absent: this run creates no hosted cluster. */
  readonly hosted?: HostedExpectations;
}
