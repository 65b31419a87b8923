import type { ManagementInput } from './management-input.ts';

/** Packages the steps install, by what they bring. */
export const OPERATOR_PACKAGE = {
  virtualization: 'kubevirt-hyperconverged',
  lvms: 'lvms-operator',
  odf: 'odf-operator',
  loadBalancer: 'metallb-operator',
  multiclusterEngine: 'multicluster-engine',
  updateService: 'cincinnati-operator',
} as const;

/** Packages that the site file wants installed. */
export function wantedPackages({ cluster }: ManagementInput): string[] {
  const { storage, virtualization, loadBalancer, multiclusterEngine, updateService } = cluster;
  const bySection = { virtualization, loadBalancer, multiclusterEngine, updateService };
  return [
    ...(storage !== undefined && storage.kind !== 'existing' && storage.install
      ? [OPERATOR_PACKAGE[storage.kind]]
      : []),
    ...Object.entries(bySection)
      .filter(([, choice]) => choice?.install === true)
      .map(([section]) => OPERATOR_PACKAGE[section as keyof typeof bySection]),
  ];
}

/** The CatalogSource of the bundle that has a package, or undefined. */
export function bundledSource({ packages }: ManagementInput, name: string): string | undefined {
  return packages.find((entry) => entry.name === name)?.catalogSource;
}
