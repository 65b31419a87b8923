import { isDeepStrictEqual } from 'node:util';
import { AirgapError } from '../core/errors.ts';
import { parseQuantity } from './quantity.ts';
import { listAt, subjectOf, valueAt, type KubeObject } from './kube-object.ts';

/** A field whose value at creation, "not set" included, is final. */
type FieldPath = readonly string[];

/**
 * The API server compares old and new value only where both are set: it lets through setting a field that was unset at creation and
 * dropping one, and neither does what the user wants. So these are compared here. (HyperShift API reference, fields marked
 * immutable.)
 */
const FINAL_FIELDS: Readonly<Record<string, readonly FieldPath[]>> = {
  HostedCluster: [
    ['spec', 'capabilities'],
    ['spec', 'controllerAvailabilityPolicy'],
    ['spec', 'dns', 'baseDomain'],
    ['spec', 'dns', 'baseDomainPrefix'],
    ['spec', 'etcd', 'managementType'],
    ['spec', 'etcd', 'managed', 'storage', 'type'],
    ['spec', 'etcd', 'managed', 'storage', 'persistentVolume'],
    ['spec', 'fips'],
    ['spec', 'infraID'],
    ['spec', 'networking', 'clusterNetwork'],
    ['spec', 'networking', 'serviceNetwork'],
    ['spec', 'networking', 'machineNetwork'],
    ['spec', 'networking', 'networkType'],
    ['spec', 'networking', 'allocateNodeCIDRs'],
    ['spec', 'olmCatalogPlacement'],
    ['spec', 'operatorConfiguration', 'clusterNetworkOperator', 'disableMultiNetwork'],
    ['spec', 'operatorConfiguration', 'clusterNetworkOperator', 'ovnKubernetesConfig', 'mtu'],
    ['spec', 'platform', 'type'],
    ['spec', 'platform', 'kubevirt', 'baseDomainPassthrough'],
    ['spec', 'platform', 'kubevirt', 'credentials'],
    ['spec', 'platform', 'kubevirt', 'storageDriver'],
    ['spec', 'secretEncryption'],
    ['spec', 'services'],
  ],
  NodePool: [
    ['spec', 'clusterName'],
    ['spec', 'arch'],
    ['spec', 'management', 'upgradeType'],
    ['spec', 'platform', 'type'],
  ],
};

/** Admission writes this where nothing was stated; it means the same. */
const ADMISSION_DEFAULT = 'Disabled';

export interface FinalFieldChange {
  /** `spec.networking` */
  readonly path: string;
  readonly live: unknown;
  readonly wanted: unknown;
}

/** Fields of a live object that `wanted` would change although their value is final. */
export function finalFieldChanges(live: KubeObject, wanted: KubeObject): FinalFieldChange[] {
  return (FINAL_FIELDS[wanted.kind] ?? []).flatMap((path) => {
    const before = essence(valueAt(live, ...path));
    const after = essence(valueAt(wanted, ...path));
    return isDeepStrictEqual(before, after) ? [] : [{ path: path.join('.'), live: before, wanted: after }];
  });
}

/** Throws `E_PREFLIGHT` that lists every final field which would change. Nothing has been written then. */
export function assertFinalFields(live: KubeObject, wanted: KubeObject): void {
  const changes = finalFieldChanges(live, wanted);
  if (changes.length === 0) return;
  const lines = changes.map(
    ({ path, live: before, wanted: after }) => `${path} is ${show(before)} and can not become ${show(after)}`,
  );
  throw new AirgapError('E_PREFLIGHT', `${subjectOf(wanted)}: ${lines.join('; ')}`, {
    hint: 'these are fixed when a hosted cluster is created: put the old values back, or create another cluster',
    data: { changes },
  });
}

/** List entries that the live object has and `wanted` no longer has. Leaving them out would remove them. */
export function droppedEntries(live: KubeObject, wanted: KubeObject): string[] {
  const dropped: string[] = [];
  for (const path of [['imageContentSources'], ['tolerations']]) {
    const kept = listAt(wanted, 'spec', ...path).map((entry) => JSON.stringify(essence(entry)));
    for (const entry of listAt(live, 'spec', ...path)) {
      const text = JSON.stringify(essence(entry));
      if (!kept.includes(text)) dropped.push(`spec.${path.join('.')}: ${text}`);
    }
  }
  return dropped;
}

/**
 * A value without what carries no meaning (empty maps and lists, `false`, what admission fills in), sizes in one unit, keys in one
 * order.
 */
function essence(value: unknown): unknown {
  if (Array.isArray(value)) {
    const entries = value.map(essence).filter((entry) => entry !== undefined);
    return entries.length === 0 ? undefined : entries;
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .map(([key, member]) => [key, key === 'size' ? sizeOf(member) : essence(member)] as const)
      .filter(([, member]) => member !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    return entries.length === 0 ? undefined : Object.fromEntries(entries);
  }
  return value === false || value === '' || value === null || value === ADMISSION_DEFAULT ? undefined : value;
}

function sizeOf(value: unknown): unknown {
  const quantity = parseQuantity(String(value));
  return quantity === undefined ? value : `${quantity.nano / 10n ** 9n} bytes`;
}

function show(value: unknown): string {
  return value === undefined ? 'not set' : JSON.stringify(value);
}
