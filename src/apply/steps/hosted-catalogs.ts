import { openHostedCluster, readHostedClusterObjects } from '../collect-status.ts';
import { readLiveHostedCluster } from '../hosted-cluster-facts.ts';
import { whenFirstNode } from '../hosted-cluster-readiness.ts';
import {
  inEnvironment,
  type HostedClusterRequest,
  type HostedContext,
  type HostedEnvironment,
} from '../hosted-environment.ts';
import type { KubeClient } from '../kube-client.ts';
import { conditionsOf, listAt, textAt, type KubeObject } from '../kube-object.ts';
import type { ManagementInput } from '../management-input.ts';
import { runSteps, type Phase, type Step } from '../step.ts';
import { currentCondition, describeCondition, READY, waiting, type Readiness } from '../wait.ts';
import { catalogsStep } from './catalogs.ts';

/** Mirrors of the hosted cluster; the operator makes it from the HostedCluster, nothing inside may. */
const MIRROR_SET = { apiVersion: 'config.openshift.io/v1', kind: 'ImageDigestMirrorSet', name: 'cluster' };

/**
 * The operator catalogs of the bundle inside the hosted clusters whose catalogs run there, and the proof that the nodes got the
 * mirrors they need. Clusters in `management` placement are left alone.
 */
export function hostedCatalogsStep(environment: HostedEnvironment, input: ManagementInput): Step {
  const { catalogs, ...cluster } = input.cluster;
  const inside = { ...input, cluster: { ...cluster, catalogs: { ...catalogs, disableDefaultSources: true } } };
  return {
    id: 'hosted-catalogs',
    title: 'Operator catalogs of hosted clusters',
    needs: ['hosted-cluster'],
    phases: () =>
      inEnvironment(
        environment.clusters.flatMap((request) => phasesOf(request, inside)),
        environment,
      ),
  };
}

function phasesOf(request: HostedClusterRequest, input: ManagementInput): Phase<HostedContext>[] {
  const { options } = request;
  const title = `Hosted cluster ${options.name}`;
  return [
    {
      title: `${title}: first node`,
      writes: async () => [],
      async ready(context) {
        return (await placementOf(request, context)) === 'guest' ? [whenFirstNode(options, context)] : [];
      },
    },
    {
      title: `${title}: catalogs`,
      // The hosted cluster is another cluster: its change set is that of a run of its own.
      async writes(context) {
        if (context.options.dryRun) await runInside(request, input, context);
        return [];
      },
      async ready(context) {
        return (await runInside(request, input, context)) ? [whenInOrder(request, context)] : [];
      },
    },
  ];
}

/** Runs the catalogs step inside a hosted cluster; false when it has none to run there, or can not be reached in a dry run. */
async function runInside(
  request: HostedClusterRequest,
  input: ManagementInput,
  context: HostedContext,
): Promise<boolean> {
  if ((await placementOf(request, context)) !== 'guest') return false;
  const guest = await openGuest(request, context);
  if (guest === undefined) return false;
  await runSteps([catalogsStep(input)], { ...context, client: guest });
  return true;
}

/** Ready when mirrors, nodes, operators and version of a hosted cluster are as they should be. */
function whenInOrder(request: HostedClusterRequest, context: HostedContext): Readiness {
  return {
    subject: `mirrors and nodes of hosted cluster ${request.options.name}`,
    limitMs: context.timeouts.hostedClusterMs,
    watches: [],
    async check(client) {
      const { hostedCluster } = await readLiveHostedCluster(client, request.options);
      const guest = await openGuest(request, context);
      if (hostedCluster === undefined || guest === undefined) return waiting('its API server does not answer');
      const missing = missingMirrors(hostedCluster, await guest.get(MIRROR_SET));
      if (missing.length > 0) return waiting(`ImageDigestMirrorSet/cluster lacks ${missing.join(', ')}`);
      const objects = await readHostedClusterObjects(client, context.hosted.openCluster, hostedCluster);
      const problem = firstProblem(objects.guest?.nodes ?? [], objects.guest?.clusterVersion);
      return problem === undefined ? READY : waiting(problem);
    },
  };
}

/** Sources of the HostedCluster that the mirror set inside does not have. */
function missingMirrors(hostedCluster: KubeObject, mirrorSet: KubeObject | undefined): string[] {
  const inside = listAt(mirrorSet, 'spec', 'imageDigestMirrors').map((entry) => textAt(entry, 'source'));
  return listAt(hostedCluster, 'spec', 'imageContentSources')
    .map((entry) => textAt(entry, 'source') ?? '')
    .filter((source) => !inside.includes(source));
}

function firstProblem(nodes: readonly KubeObject[], clusterVersion: KubeObject | undefined): string | undefined {
  for (const node of nodes) {
    const ready = currentCondition(node, 'Ready');
    if (ready?.status !== 'True') return `node ${node.metadata.name} is not ready`;
  }
  const wanted: Readonly<Record<string, string>> = { Available: 'True', Progressing: 'False' };
  const bad = (clusterVersion === undefined ? [] : conditionsOf(clusterVersion)).find(
    ({ type, status }) => wanted[type] !== undefined && wanted[type] !== status,
  );
  return bad === undefined ? undefined : `ClusterVersion: ${describeCondition(bad)}`;
}

async function placementOf(request: HostedClusterRequest, context: HostedContext): Promise<string | undefined> {
  const { hostedCluster } = await readLiveHostedCluster(context.client, request.options);
  const hasNodes = (request.options.nodePool.replicas ?? 0) > 0 && request.options.wait !== false;
  return hasNodes ? textAt(hostedCluster, 'spec', 'olmCatalogPlacement') : undefined;
}

async function openGuest(request: HostedClusterRequest, context: HostedContext): Promise<KubeClient | undefined> {
  const { hostedCluster } = await readLiveHostedCluster(context.client, request.options);
  if (hostedCluster === undefined) return undefined;
  return openHostedCluster(context.client, context.hosted.openCluster, hostedCluster);
}
