import { isDeepStrictEqual } from 'node:util';
import { AirgapError } from '../../core/errors.ts';
import type { Write } from '../apply.ts';
import { textAt, type KubeObject, type ObjectRef } from '../kube-object.ts';
import type { ManagementInput, RegistryCredential } from '../management-input.ts';
import { forecastRollout } from '../rollout-forecast.ts';
import type { Step } from '../step.ts';

const PULL_SECRET: ObjectRef = { apiVersion: 'v1', kind: 'Secret', namespace: 'openshift-config', name: 'pull-secret' };
const KEY = '.dockerconfigjson';

/**
 * The cluster's own pull secret knows the target registry: nodes, catalog pods and disk imports use it. All other entries stay; the
 * value is one string, so it is written under the version that was read. Nodes pick it up without a drain, which the step of the
 * mirror sets waits for.
 */
export function pullSecretStep(input: ManagementInput): Step {
  const added = Object.assign({}, ...input.registries.map(({ credentials }) => credentials ?? {})) as Credentials;
  return {
    id: 'pull-secret',
    title: 'Credentials of the registry on the cluster',
    needs: ['preflight'],
    phases: () =>
      input.cluster.registryTrust.pullSecret && Object.keys(added).length > 0
        ? [
            {
              title: 'add the registry to the pull secret',
              writes: async ({ client }) => [
                (await client.get(PULL_SECRET)) === undefined
                  ? { how: 'apply', object: newPullSecret(added) }
                  : mergeInto(PULL_SECRET, added),
              ],
              forecast: ({ client }) => forecastRollout(client, 'reload', ["the cluster's pull secret"]),
            },
          ]
        : [],
  };
}

type Credentials = Readonly<Record<string, RegistryCredential>>;

/** The docker config with `added` in it, all other entries as they were; undefined when it has them already. */
export function mergedDockerConfig(text: string, added: Credentials, origin: string): string | undefined {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new AirgapError('E_PREFLIGHT', `${origin} holds no JSON docker config`, {
      hint: 'repair the pull secret; it is not overwritten, since its other entries would be lost',
    });
  }
  const { auths, ...rest } = config as { auths?: Credentials };
  const isThere = Object.entries(added).every(([host, entry]) => isDeepStrictEqual(auths?.[host], entry));
  return isThere ? undefined : JSON.stringify({ ...rest, auths: { ...auths, ...added } });
}

function newPullSecret(added: Credentials): KubeObject {
  const { apiVersion, kind, namespace, name } = PULL_SECRET;
  return {
    apiVersion,
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    type: 'kubernetes.io/dockerconfigjson',
    data: { [KEY]: encode(JSON.stringify({ auths: added })) },
  };
}

function mergeInto(ref: ObjectRef, added: Credentials): Write {
  return {
    how: 'merge',
    ref,
    patch: (live) => {
      const text = Buffer.from(textAt(live, 'data', KEY) ?? encode('{}'), 'base64').toString('utf8');
      const merged = mergedDockerConfig(text, added, 'Secret/openshift-config/pull-secret');
      return merged === undefined ? undefined : { data: { [KEY]: encode(merged) } };
    },
  };
}

function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
