import { parseReference, repositoryName } from '../../oci/reference.ts';
import { generateEncryptionKey, generateInfraId, generateSshKey } from '../hosted-cluster-material.ts';
import { hasNodes, readLiveHostedCluster } from '../hosted-cluster-facts.ts';
import type { HostedClusterOptions } from '../hosted-cluster-options.ts';
import { planHostedCluster, type FreshMaterial, type HostedClusterPlan } from '../hosted-cluster-plan.ts';
import { assertReadyForHostedCluster } from '../hosted-cluster-preflight.ts';
import { INFRA_LABEL, withInfraLabel } from '../hosted-cluster-render.ts';
import { whenAccepted, whenAvailable, whenCompleted } from '../hosted-cluster-readiness.ts';
import { confirmRollout, forecastReplacement } from '../hosted-rollout.ts';
import { baseDomainPhases } from '../base-domain-phases.ts';
import {
  inEnvironment,
  type HostedClusterRequest,
  type HostedContext,
  type HostedEnvironment,
} from '../hosted-environment.ts';
import type { Write } from '../apply.ts';
import { refOf, textAt, type KubeObject } from '../kube-object.ts';
import { currentCondition } from '../wait.ts';
import type { Phase, Step } from '../step.ts';

/** Changed to make the operator look again at a hosted cluster it has given up on. */
const RETRY_ANNOTATION = 'airgap.dev/retried-at';

/**
 * Makes the hosted clusters of the site and keeps them up: namespace, credentials and trust, then the HostedCluster, then its
 * nodes, then its applications, until everything is completed. A second run changes nothing.
 */
export function hostedClusterStep(environment: HostedEnvironment): Step {
  return {
    id: 'hosted-cluster',
    title: 'Hosted clusters',
    needs: [
      'preflight',
      'pull-secret',
      'registry-ca',
      'mirror-sets',
      'storage',
      'virtualization',
      'load-balancer',
      'multicluster-engine',
      'ingress-policy',
    ],
    phases: () => inEnvironment(environment.clusters.flatMap(phasesOf), environment),
  };
}

function phasesOf(request: HostedClusterRequest): Phase<HostedContext>[] {
  const { options } = request;
  const plan = plannerOf(request);
  const isWaited = options.wait !== false && options.pausedUntil === undefined;
  return [
    {
      title: `Hosted cluster ${options.name}: credentials and trust`,
      async writes(inner) {
        const current = await plan(inner);
        await assertReadyForHostedCluster(request, current, inner);
        for (const message of current.warnings) inner.report({ type: 'warning', code: 'W_CLUSTER', message });
        return prerequisiteWrites(current, inner);
      },
      forecast: (inner, changes) => forecastReplacement(options, inner, changes),
      review: (inner, changes) => confirmRollout(options, inner, changes),
    },
    {
      title: `Hosted cluster ${options.name}: control plane`,
      async writes(inner) {
        const current = await plan(inner);
        const object = labelled(current, 'HostedCluster')[0]!;
        return [{ how: 'apply', object }, ...(await retryWrites(object, inner))];
      },
      forecast: (inner, changes) => forecastReplacement(options, inner, changes),
      review: (inner, changes) => confirmRollout(options, inner, changes),
      async ready(inner) {
        if (!isWaited) return [];
        const current = await plan(inner);
        return [whenAccepted(options, inner), ...(await upgradeReadiness(request, current, inner))];
      },
    },
    {
      title: `Hosted cluster ${options.name}: nodes`,
      async writes(inner) {
        const current = await plan(inner);
        return labelled(current, 'NodePool').map((object) => ({ how: 'apply', object }) as const);
      },
      forecast: (inner, changes) => forecastReplacement(options, inner, changes),
      review: (inner, changes) => confirmRollout(options, inner, changes),
      ready: (inner) => (isWaited ? [whenAvailable(options, inner)] : []),
    },
    ...(isWaited && options.baseDomain !== '' ? baseDomainPhases(request) : []),
    {
      title: `Hosted cluster ${options.name}: completion`,
      writes: async () => [],
      async ready(inner) {
        if (!isWaited || !(await hasNodes(options, inner))) return [];
        return [whenCompleted(options, inner, { limitMs: options.timeoutMs ?? inner.timeouts.hostedClusterMs })];
      },
    },
  ];
}

/** Plans from what is on the cluster now. Random values are made once per run, and only when nothing exists yet. */
function plannerOf({ options, files }: HostedClusterRequest): (context: HostedContext) => Promise<HostedClusterPlan> {
  let fresh: FreshMaterial | undefined;
  return async (context) => {
    const live = await readLiveHostedCluster(context.client, options);
    if (fresh === undefined) {
      const isKeyNeeded = options.generateSsh && live.sshKey === undefined;
      fresh = {
        infraId: generateInfraId(options.name),
        encryptionKey: generateEncryptionKey(),
        ...(isKeyNeeded ? { sshKey: await generateSshKey() } : {}),
      };
    }
    const allowRemovals = context.options.replaceMirrors;
    return planHostedCluster(await withDigest(options, context), files, {
      bundle: context.hosted.bundle,
      live,
      fresh,
      allowRemovals,
    });
  };
}

/** A release named by tag is written by digest: the operator would look the tag up again on every reconcile. */
async function withDigest(options: HostedClusterOptions, context: HostedContext): Promise<HostedClusterOptions> {
  const { releaseImage } = options;
  if (releaseImage === undefined || releaseImage.includes('@')) return options;
  const digest = await context.hosted.resolveDigest(releaseImage);
  if (digest === undefined) return options;
  const repository = repositoryName(parseReference(releaseImage, { allowBare: true }));
  return { ...options, releaseImage: `${repository}@${digest}` };
}

/**
 * Namespace, trust bundle and Secrets. Objects that several hosted clusters share keep the label of the one that made them; an
 * encryption key that exists is not among the planned objects at all.
 */
async function prerequisiteWrites(plan: HostedClusterPlan, context: HostedContext): Promise<Write[]> {
  const writes: Write[] = [];
  for (const object of plan.objects) {
    if (object.kind === 'HostedCluster' || object.kind === 'NodePool') continue;
    const isShared = object.kind === 'Namespace' || object.kind === 'ConfigMap';
    const live = isShared ? await context.client.get(refOf(object)) : undefined;
    if (object.kind === 'Namespace' && live !== undefined) continue;
    const infraId = live?.metadata.labels?.[INFRA_LABEL] ?? plan.infraId;
    writes.push(
      ...withInfraLabel([object], infraId).map((labelledObject) => ({ how: 'apply', object: labelledObject }) as const),
    );
  }
  return writes;
}

/**
 * The operator does not return by itself to a release image it could not read or a cluster it does not support. Any change of the
 * object makes it look again, so that a run after the cause was settled goes on.
 */
async function retryWrites(object: KubeObject, context: HostedContext): Promise<Write[]> {
  const live = await context.client.get(refOf(object));
  const isGivenUp = ['ValidReleaseImage', 'SupportedHostedCluster'].some(
    (type) => live !== undefined && currentCondition(live, type)?.status === 'False',
  );
  if (!isGivenUp) return [];
  const patch = { metadata: { annotations: { [RETRY_ANNOTATION]: new Date().toISOString() } } };
  return [{ how: 'merge', ref: refOf(object), patch: () => patch }];
}

/** While node pools run another release, the control plane is upgraded first and they follow when it is complete. */
async function upgradeReadiness({ options }: HostedClusterRequest, plan: HostedClusterPlan, context: HostedContext) {
  const live = await readLiveHostedCluster(context.client, options);
  const isUpgrade = live.nodePools.some((pool) => textAt(pool, 'spec', 'release', 'image') !== plan.releaseImage);
  if (!isUpgrade) return [];
  const limitMs = options.timeoutMs ?? context.timeouts.hostedClusterMs;
  return [whenCompleted(options, context, { releaseImage: plan.releaseImage, limitMs })];
}

function labelled(plan: HostedClusterPlan, kind: string): KubeObject[] {
  return withInfraLabel(
    plan.objects.filter((object) => object.kind === kind),
    plan.infraId,
  );
}
