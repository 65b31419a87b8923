import { randomBytes } from 'node:crypto';
import {
  buildAppsService,
  dnsProblem,
  dnsRecord,
  externalAddress,
  routerNodePorts,
  type NodePorts,
} from './base-domain.ts';
import { openHostedCluster } from './collect-status.ts';
import { hostedClusterRef, whenFirstNode } from './hosted-cluster-readiness.ts';
import { INFRA_LABEL } from './hosted-cluster-render.ts';
import type { HostedClusterRequest, HostedContext } from './hosted-environment.ts';
import type { KubeClient } from './kube-client.ts';
import { refOf, subjectOf, textAt, type KubeObject } from './kube-object.ts';
import type { Phase } from './step.ts';
import { READY, selectorOf, waiting, type Readiness } from './wait.ts';

const ROUTER_SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  namespace: 'openshift-ingress',
  name: 'router-nodeport-default',
} as const;

/**
 * How the applications of a hosted cluster with a base domain are reached: node ports of its routers, a load balancer service on the
 * cluster that runs the machines, its address, the DNS record the site has to make, and the check that it answers.
 */
export function baseDomainPhases(request: HostedClusterRequest): Phase<HostedContext>[] {
  const { options, files } = request;
  const isElsewhere = files.infraKubeconfig !== undefined;
  const placeOf = (inner: HostedContext): KubeClient =>
    files.infraKubeconfig !== undefined
      ? inner.hosted.openCluster(Buffer.from(files.infraKubeconfig).toString('utf8'), 'infra cluster')
      : inner.client;
  const title = `Hosted cluster ${options.name}: applications`;
  return [
    {
      title: `${title}: node ports`,
      writes: async () => [],
      ready: (inner) => [whenFirstNode(options, inner), whenNodePorts(request, inner)],
    },
    {
      title: `${title}: load balancer`,
      async writes(inner) {
        const service = isElsewhere ? undefined : await appsService(request, inner);
        return service === undefined ? [] : [{ how: 'apply', object: service }];
      },
      async ready(inner) {
        const service = await appsService(request, inner);
        if (service === undefined) return [];
        const place = placeOf(inner);
        if (isElsewhere) await place.apply(service);
        return [whenAddress(service, place, inner)];
      },
    },
    {
      title: `${title}: DNS`,
      writes: async () => [],
      async ready(inner) {
        const service = await appsService(request, inner);
        return service === undefined ? [] : [whenResolved(request, service, placeOf(inner), inner)];
      },
    },
  ];
}

/** Ready when the routers of the hosted cluster have their node ports. */
function whenNodePorts({ options }: HostedClusterRequest, context: HostedContext): Readiness {
  return {
    subject: `routers of hosted cluster ${options.name}`,
    limitMs: context.timeouts.hostedClusterMs,
    watches: [],
    async check() {
      const ports = await readNodePorts(options, context);
      return ports === undefined ? waiting('its router service has no node ports for http and https yet') : READY;
    },
  };
}

function whenAddress(service: KubeObject, place: KubeClient, context: HostedContext): Readiness {
  return {
    subject: subjectOf(service),
    limitMs: context.timeouts.ingressMs,
    watches: place === context.client ? [selectorOf(refOf(service))] : [],
    async check() {
      const address = externalAddress(await place.get(refOf(service)));
      if (address !== undefined) return READY;
      return waiting('no external address: the pool of MetalLB is used up, or no load balancer is installed');
    },
  };
}

/** Ready when a random name below the wildcard has exactly the address of the load balancer here. */
function whenResolved(
  { options }: HostedClusterRequest,
  service: KubeObject,
  place: KubeClient,
  context: HostedContext,
): Readiness {
  return {
    subject: `DNS of hosted cluster ${options.name}`,
    limitMs: options.timeoutMs ?? context.timeouts.hostedClusterMs,
    watches: [],
    async check() {
      const address = externalAddress(await place.get(refOf(service)));
      if (address === undefined) return waiting('the load balancer lost its address');
      const record = dnsRecord(options, address);
      const wanted = address.kind === 'ip' ? [address.value] : await context.hosted.resolveAddresses(address.value);
      const probe = record.name.replace('*', `probe-${randomBytes(4).toString('hex')}`);
      const problem = dnsProblem(record, await context.hosted.resolveAddresses(probe), wanted);
      return problem === undefined ? READY : waiting(`${problem}; make the record: ${record.zoneLine}`);
    },
  };
}

/** The service as it should be; undefined while the hosted cluster has no node ports (a dry run before it exists). */
async function appsService({ options }: HostedClusterRequest, context: HostedContext): Promise<KubeObject | undefined> {
  const hostedCluster = await context.client.get(hostedClusterRef(options));
  const ports = await readNodePorts(options, context);
  if (hostedCluster === undefined || ports === undefined) return undefined;
  const infraId = textAt(hostedCluster, 'spec', 'infraID') ?? '';
  const service = buildAppsService(options, infraId, ports);
  const labels = { ...service.metadata.labels, [INFRA_LABEL]: infraId };
  return { ...service, metadata: { ...service.metadata, labels } };
}

async function readNodePorts(
  options: HostedClusterRequest['options'],
  context: HostedContext,
): Promise<NodePorts | undefined> {
  const hostedCluster = await context.client.get(hostedClusterRef(options));
  if (hostedCluster === undefined) return undefined;
  const guest = await openHostedCluster(context.client, context.hosted.openCluster, hostedCluster);
  return routerNodePorts(await guest?.get(ROUTER_SERVICE));
}
