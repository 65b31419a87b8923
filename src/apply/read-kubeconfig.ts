import { AirgapError } from '../core/errors.ts';
import { HYPERSHIFT_API } from './hosted-cluster-object.ts';
import { kubeconfigSecretName, readKubeconfigSecret, type HostedKubeconfig } from './kubeconfig.ts';
import type { KubeClient } from './kube-client.ts';
import type { KubeObject } from './kube-object.ts';

/**
 * The admin kubeconfig of one hosted cluster, unchanged. Without a namespace the name alone decides, since names of hosted
 * clusters are unique. Throws `E_NOT_FOUND` when there is no such cluster, no kubeconfig yet or no Secret, `E_FAILED` when
 * the Secret lacks its key.
 */
export async function readHostedKubeconfig(
  client: KubeClient,
  name: string,
  namespace?: string,
): Promise<HostedKubeconfig> {
  const clusters = await client.list(hostedClusters(namespace));
  const cluster = clusters.find(({ metadata }) => metadata.name === name);
  if (cluster === undefined) {
    const names = clusters.map(({ metadata }) => metadata.name).join(', ');
    throw new AirgapError(
      'E_NOT_FOUND',
      `no hosted cluster ${name}${namespace === undefined ? '' : ` in ${namespace}`}`,
      {
        hint: names === '' ? 'there is none yet' : `there are: ${names}`,
      },
    );
  }
  return configOf(client, cluster);
}

/** The admin kubeconfigs of all hosted clusters of a namespace, and the names of those that have none yet. */
export async function readHostedKubeconfigs(
  client: KubeClient,
  namespace?: string,
): Promise<{ readonly configs: readonly HostedKubeconfig[]; readonly skipped: readonly string[] }> {
  const clusters = await client.list(hostedClusters(namespace));
  const configs: HostedKubeconfig[] = [];
  const skipped: string[] = [];
  for (const cluster of clusters) {
    if (kubeconfigSecretName(cluster) === undefined) skipped.push(cluster.metadata.name);
    else configs.push(await configOf(client, cluster));
  }
  return { configs, skipped };
}

async function configOf(client: KubeClient, cluster: KubeObject): Promise<HostedKubeconfig> {
  const { namespace = '', name } = cluster.metadata;
  const secretName = kubeconfigSecretName(cluster);
  const ref = { apiVersion: 'v1', kind: 'Secret', namespace, name: secretName ?? '' };
  const secret = secretName === undefined ? undefined : await client.get(ref);
  return { namespace, name, text: readKubeconfigSecret(secret, cluster) };
}

function hostedClusters(namespace: string | undefined) {
  return { apiVersion: HYPERSHIFT_API, kind: 'HostedCluster', ...(namespace === undefined ? {} : { namespace }) };
}
