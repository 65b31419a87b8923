import { cidrContains, cidrsOverlap, parseCidr, type Cidr } from './cidr.ts';
import type { Problem } from './hosted-cluster-fields.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';

interface NamedRange {
  readonly name: string;
  readonly range: Cidr;
}

type Networks = Pick<HostedClusterOptions, 'clusterCidrs' | 'serviceCidrs' | 'machineCidrs' | 'networkType'>;

/** Ranges that the hosted nodes use themselves, whatever the user chooses. */
const OVN_RANGES: readonly (readonly [string, string])[] = [
  ['100.66.0.0/16', 'join network of the hosted pod network'],
  ['fd99::/64', 'join network of the hosted pod network'],
  ['100.64.0.0/16', 'join network of the network the machines are in'],
  ['fd98::/64', 'join network of the network the machines are in'],
  ['100.88.0.0/16', 'transit network of the network the machines are in'],
  ['fd97::/64', 'transit network of the network the machines are in'],
];
/** Address under which the API server is reached inside the hosted cluster. */
const ADVERTISE_ADDRESSES = ['172.20.0.1', 'fd00::1'];

/**
 * Rules about the networks of a hosted cluster among themselves: at most one range per family and list, the same family first
 * everywhere, no overlap with each other or with ranges that are taken. (HyperShift API reference, "ClusterNetworking".)
 */
export function checkNetworks(options: Networks): Problem[] {
  const lists = [
    ['clusterCidrs', options.clusterCidrs],
    ['serviceCidrs', options.serviceCidrs],
    ['machineCidrs', options.machineCidrs],
  ] as const;
  const problems: Problem[] = [];
  for (const [field, cidrs] of lists) {
    const families = cidrs.map((cidr) => parseCidr(cidr)!.family);
    if (field !== 'machineCidrs' && cidrs.length === 0) {
      problems.push({ field, problem: 'is empty', fix: 'give a range or leave the field out' });
    }
    if (cidrs.length > 2 || new Set(families).size < families.length) {
      problems.push({ field, problem: `${cidrs.join(', ')}: too many`, fix: 'give one range per address family' });
    }
  }
  const firstFamilies = lists.flatMap(([, cidrs]) => (cidrs[0] === undefined ? [] : [parseCidr(cidrs[0])!.family]));
  if (new Set(firstFamilies).size > 1) {
    problems.push({
      field: 'clusterCidrs',
      problem: 'the first ranges of the networks are of different address families',
      fix: 'put the same family first in clusterCidrs, serviceCidrs and machineCidrs',
    });
  }
  return [...problems, ...checkOverlaps(namedRanges(options), options.networkType)];
}

/**
 * Overlaps with the management cluster: its pod, service and node networks, given by name. Machines there must reach both.
 */
export function checkAgainstManagementCluster(
  options: Networks,
  taken: readonly { readonly name: string; readonly cidr: string }[],
): Problem[] {
  const others = taken.flatMap(({ name, cidr }) => {
    const range = parseCidr(cidr);
    return range === undefined ? [] : [{ name, range }];
  });
  return namedRanges(options).flatMap((own) => others.flatMap((other) => overlapOf(own, other)));
}

function checkOverlaps(ranges: readonly NamedRange[], networkType: string): Problem[] {
  const pairs = ranges.flatMap((own, index) => ranges.slice(index + 1).flatMap((other) => overlapOf(own, other)));
  const reserved = networkType === 'OVNKubernetes' ? OVN_RANGES : [];
  const fixed = ranges.flatMap((own) =>
    reserved.flatMap(([cidr, name]) => overlapOf(own, { name, range: parseCidr(cidr)! })),
  );
  const advertised = ranges.flatMap(({ name, range }) =>
    ADVERTISE_ADDRESSES.filter((address) => cidrContains(range, address)).map((address) => ({
      field: name,
      problem: `${range.text} holds ${address}, the address of the API server inside the cluster`,
      fix: 'choose another range',
    })),
  );
  return [...pairs, ...fixed, ...advertised];
}

function namedRanges(options: Networks): NamedRange[] {
  return (['clusterCidrs', 'serviceCidrs', 'machineCidrs'] as const).flatMap((name) =>
    options[name].map((cidr) => ({ name, range: parseCidr(cidr)! })),
  );
}

function overlapOf(own: NamedRange, other: NamedRange): Problem[] {
  if (!cidrsOverlap(own.range, other.range)) return [];
  return [
    {
      field: own.name,
      problem: `${own.range.text} overlaps ${other.range.text} (${other.name})`,
      fix: 'choose a range that nothing else uses',
    },
  ];
}
