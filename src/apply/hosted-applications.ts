import { randomBytes } from 'node:crypto';
import { dnsProblem, dnsRecord, externalAddress, type DnsRecord } from './base-domain.ts';
import { textAt, type KubeObject } from './kube-object.ts';

/** Addresses a name has here; empty when it has none. */
export type ResolveAddresses = (host: string) => Promise<readonly string[]>;

/** How the applications of a hosted cluster with a base domain are reached. */
export interface Applications {
  /** `*.apps.<name>.<base domain>` */
  readonly name: string;
  /** Absent while the load balancer has no address. */
  readonly record?: DnsRecord;
  /** What is not right about the record, seen from here; absent when it is right or was not asked. */
  readonly problem?: string;
}

/**
 * The record a hosted cluster needs, from its load balancer service. Undefined without a base domain: then the management
 * cluster routes. With `resolve` a random name below the wildcard is looked up.
 */
export async function findApplications(
  hostedCluster: KubeObject,
  service: KubeObject | undefined,
  resolve?: ResolveAddresses,
): Promise<Applications | undefined> {
  const baseDomain = textAt(hostedCluster, 'spec', 'dns', 'baseDomain') ?? '';
  if (baseDomain === '') return undefined;
  const prefix = textAt(hostedCluster, 'spec', 'dns', 'baseDomainPrefix');
  const { name, namespace = '' } = hostedCluster.metadata;
  const cluster = { name, namespace, baseDomain, ...(prefix === undefined ? {} : { baseDomainPrefix: prefix }) };
  const address = externalAddress(service);
  if (address === undefined) return { name: dnsRecord(cluster, { kind: 'ip', value: '' }).name };
  const record = dnsRecord(cluster, address);
  if (resolve === undefined) return { name: record.name, record };
  const problem = await findDnsProblem(record, resolve);
  return { name: record.name, record, ...(problem === undefined ? {} : { problem }) };
}

/** What is wrong with the answers for a random name below a wildcard record; undefined when all are the address. */
export async function findDnsProblem(record: DnsRecord, resolve: ResolveAddresses): Promise<string | undefined> {
  const wanted = record.type === 'CNAME' ? await resolve(record.value) : [record.value];
  const probe = record.name.replace('*', `probe-${randomBytes(4).toString('hex')}`);
  return dnsProblem(record, await resolve(probe), wanted);
}
