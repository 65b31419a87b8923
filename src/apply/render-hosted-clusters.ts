import { generateEncryptionKey, generateInfraId, generateSshKey } from './hosted-cluster-material.ts';
import { planHostedCluster, type BundleContent } from './hosted-cluster-plan.ts';
import { withoutSecrets } from './hosted-cluster-render.ts';
import type { HostedClusterRequest } from './hosted-environment.ts';
import type { KubeObject } from './kube-object.ts';

/**
 * The objects of one new hosted cluster for people and for GitOps, as `hcp create cluster kubevirt --render` prints them; no
 * cluster is asked. Random values are new on every call. Secrets are left out unless `isSensitive`.
 * Throws `E_CONFIG` when no release is known.
 */
export async function renderNewHostedCluster(
  { options, files }: HostedClusterRequest,
  bundle: BundleContent,
  isSensitive: boolean,
): Promise<readonly KubeObject[]> {
  const fresh = {
    infraId: generateInfraId(options.name),
    encryptionKey: generateEncryptionKey(),
    ...(options.generateSsh ? { sshKey: await generateSshKey() } : {}),
  };
  const environment = { bundle, live: { nodePools: [] }, fresh, allowRemovals: false };
  const { objects } = planHostedCluster(options, files, environment);
  return isSensitive ? objects : withoutSecrets(objects);
}
