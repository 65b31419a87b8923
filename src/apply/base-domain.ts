import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import { controlPlaneNamespace } from './hosted-status.ts';
import { listAt, numberAt, textAt, type KubeObject } from './kube-object.ts';

export interface NodePorts {
  readonly https: number;
  readonly http: number;
}

/** Where the applications of a hosted cluster are reached. */
export interface ExternalAddress {
  readonly kind: 'ip' | 'hostname';
  readonly value: string;
}

/** The DNS record a site has to make. */
export interface DnsRecord {
  /** `*.apps.<name>.<base domain>` */
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'CNAME';
  readonly value: string;
  /** The record as a line of a zone file. */
  readonly zoneLine: string;
}

type Identity = Pick<HostedClusterOptions, 'name' | 'namespace' | 'baseDomain' | 'baseDomainPrefix' | 'infraNamespace'>;

/** Domain of the applications. An empty prefix was asked for by name; then nothing stands before the base domain. */
export function appsDomain({ name, baseDomain, baseDomainPrefix }: Identity): string {
  return ['apps', baseDomainPrefix ?? name, baseDomain].filter((label) => label !== '').join('.');
}

/** Node ports of the router inside the hosted cluster; undefined until both are there. */
export function routerNodePorts(service: KubeObject | undefined): NodePorts | undefined {
  const portOf = (name: string) =>
    numberAt(
      listAt(service, 'spec', 'ports').find((port) => textAt(port, 'name') === name),
      'nodePort',
    ) ?? 0;
  const ports = { https: portOf('https'), http: portOf('http') };
  return ports.https === 0 || ports.http === 0 ? undefined : ports;
}

/**
 * The LoadBalancer service that leads to the routers inside the virtual machines. The infrastructure label keeps it to the machines
 * of this cluster where a namespace is shared. Target ports are numbers: a text would be looked up as a port name.
 */
export function buildAppsService(cluster: Identity, infraId: string, ports: NodePorts): KubeObject {
  const isShared = cluster.infraNamespace !== undefined;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: `${cluster.name}-apps`,
      namespace: cluster.infraNamespace ?? controlPlaneNamespace(cluster.namespace, cluster.name),
      labels: { app: cluster.name },
    },
    spec: {
      type: 'LoadBalancer',
      ports: [
        { name: 'https-443', port: 443, protocol: 'TCP', targetPort: ports.https },
        { name: 'http-80', port: 80, protocol: 'TCP', targetPort: ports.http },
      ],
      selector: {
        'kubevirt.io': 'virt-launcher',
        ...(isShared ? { 'hypershift.openshift.io/infra-id': infraId } : {}),
      },
    },
  };
}

/** The address a load balancer gave to a service; undefined while there is none. */
export function externalAddress(service: KubeObject | undefined): ExternalAddress | undefined {
  const entry = listAt(service, 'status', 'loadBalancer', 'ingress')[0];
  const ip = textAt(entry, 'ip');
  const hostname = textAt(entry, 'hostname');
  if (ip !== undefined && ip !== '') return { kind: 'ip', value: ip };
  return hostname === undefined || hostname === '' ? undefined : { kind: 'hostname', value: hostname };
}

/** The wildcard record for an address. */
export function dnsRecord(cluster: Identity, address: ExternalAddress): DnsRecord {
  const name = `*.${appsDomain(cluster)}`;
  const type = address.kind === 'hostname' ? 'CNAME' : address.value.includes(':') ? 'AAAA' : 'A';
  const target = type === 'CNAME' ? `${address.value}.` : address.value;
  return { name, type, value: address.value, zoneLine: `${name}. IN ${type} ${target}` };
}

/** What to say about the answers that a name gave, or undefined when they are right. All answers must be the address. */
export function dnsProblem(
  record: DnsRecord,
  answers: readonly string[],
  wanted: readonly string[],
): string | undefined {
  if (answers.length === 0) return `${record.name} does not resolve`;
  const wrong = answers.filter((answer) => !wanted.includes(answer));
  return wrong.length === 0
    ? undefined
    : `${record.name} resolves to ${wrong.join(', ')} instead of ${wanted.join(', ')}`;
}
