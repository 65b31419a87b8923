import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import type { SshKey } from './hosted-cluster-render.ts';
import type { KubeObject } from './kube-object.ts';

type Identity = Pick<HostedClusterOptions, 'name' | 'namespace'>;

/** Shared by all hosted clusters of a namespace. */
export const TRUST_BUNDLE_NAME = 'user-ca-bundle';
export const TRUST_BUNDLE_KEY = 'ca-bundle.crt';
export const SAFE_TO_DELETE_LABEL = 'hypershift.openshift.io/safe-to-delete-with-cluster';

/** Names of the Secrets of a hosted cluster. */
export function secretNames({ name }: Identity) {
  return {
    pullSecret: `${name}-pull-secret`,
    sshKey: `${name}-ssh-key`,
    infraCredentials: `${name}-infra-credentials`,
    encryptionKey: `${name}-etcd-encryption-key`,
  } as const;
}

/** The namespace of the HostedCluster and NodePool objects. */
export function buildNamespace(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** CA certificates the hosted cluster trusts; the operator insists on the key. */
export function buildTrustBundle(namespace: string, pem: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: TRUST_BUNDLE_NAME, namespace },
    data: { [TRUST_BUNDLE_KEY]: pem },
  };
}

/** CA certificates for image imports by the API server of the hosted cluster. */
export function buildRegistryCas(cluster: Identity, registryCas: Readonly<Record<string, string>>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: registryCasName(cluster), namespace: cluster.namespace },
    data: registryCas,
  };
}

export function registryCasName({ name }: Identity): string {
  return `${name}-registry-config`;
}

/** Registry credentials. Without a type, as the vendor tool makes it: the type of an existing Secret can not change. */
export function buildPullSecret(cluster: Identity, content: Uint8Array): KubeObject {
  return secret(cluster, secretNames(cluster).pullSecret, { '.dockerconfigjson': content });
}

export function buildSshKeySecret(cluster: Identity, { publicKey, privateKey }: SshKey): KubeObject {
  return secret(cluster, secretNames(cluster).sshKey, {
    'id_rsa.pub': publicKey,
    ...(privateKey === undefined ? {} : { id_rsa: privateKey }),
  });
}

/** Access to the cluster that runs the machines. */
export function buildInfraCredentials(cluster: Identity, kubeconfig: Uint8Array): KubeObject {
  return { ...secret(cluster, secretNames(cluster).infraCredentials, { kubeconfig }), type: 'Opaque' };
}

/** The key that encrypts etcd. Throws when it is not 32 bytes: AES-CBC with another length would not start. */
export function buildEncryptionKeySecret(cluster: Identity, key: Uint8Array): KubeObject {
  if (key.length !== 32) throw new Error(`the encryption key has ${key.length} bytes, not 32`);
  return { ...secret(cluster, secretNames(cluster).encryptionKey, { key }), type: 'Opaque' };
}

function secret({ namespace }: Identity, name: string, content: Readonly<Record<string, Uint8Array>>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, labels: { [SAFE_TO_DELETE_LABEL]: 'true' } },
    data: Object.fromEntries(
      Object.entries(content).map(([key, bytes]) => [key, Buffer.from(bytes).toString('base64')]),
    ),
  };
}
