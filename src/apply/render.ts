import { inKindOrder, type Write } from './apply.ts';
import type { KubeClient } from './kube-client.ts';
import { valueAt, type KubeObject } from './kube-object.ts';
import type { Step, StepContext, StepId } from './step.ts';

export interface RenderedStep {
  readonly step: StepId;
  readonly objects: readonly KubeObject[];
}

/**
 * Everything the steps would write, as plain resources in the order of writing, for GitOps. Secrets are left out: they belong into a
 * vault, not into a repository.
 */
export async function renderSteps<Context extends StepContext>(
  steps: readonly Step<Context>[],
  context: Context,
): Promise<RenderedStep[]> {
  const rendered: RenderedStep[] = [];
  for (const step of steps) {
    const objects: KubeObject[] = [];
    for (const phase of step.phases(context)) {
      for (const write of inKindOrder(await phase.writes(context))) {
        const object = await objectOf(context.client, write);
        if (object !== undefined && object.kind !== 'Secret') objects.push(object);
      }
    }
    if (objects.length > 0) rendered.push({ step: step.id, objects });
  }
  return rendered;
}

/**
 * A cluster that nobody can reach: it has nothing, and serves every kind in the newest version we know. For rendering without a
 * cluster; any write is a defect and throws.
 */
export function createAbsentCluster(): KubeClient {
  const refuse = async () => {
    throw new Error('nothing can be written to a cluster that is not there');
  };
  const client: KubeClient = {
    server: 'none',
    kind: async () => ({ root: '', plural: '', isNamespaced: true, verbs: [] }),
    servedVersion: async (group, _kind, versions) => (group === '' ? versions[0] : `${group}/${versions[0]}`),
    get: async () => undefined,
    list: async () => [],
    read: async () => '',
    watch: async () => {},
    apply: refuse,
    mergePatch: refuse,
    create: refuse,
    remove: refuse,
    within: () => client,
  };
  return client;
}

async function objectOf(client: KubeClient, write: Write): Promise<KubeObject | undefined> {
  if (write.how === 'apply') return write.object;
  const live = await client.get(write.ref);
  const patch = live === undefined ? undefined : write.patch(live);
  if (patch === undefined) return undefined;
  const { apiVersion, kind, name, namespace } = write.ref;
  const metadata = {
    ...(valueAt(patch, 'metadata') as object | undefined),
    name,
    ...(namespace === undefined ? {} : { namespace }),
  };
  return { apiVersion, kind, ...patch, metadata };
}
