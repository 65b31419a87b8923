import type { Digest } from '../oci/digest.ts';
import { digestTag } from '../oci/reference.ts';
import { resourceFile, type Annotations, type Resource, type ResourceFile } from './resource-file.ts';

/** The OpenPGP signature of a release payload, as the signature store has it. */
export interface ReleaseSignature {
  readonly digest: Digest;
  readonly content: Uint8Array;
}

/**
 * The ConfigMap in which the cluster version operator looks for release signatures; undefined without signatures. One
 * entry per digest, numbered over the whole map in the order of the digests (oc-mirror behaviour, "Release signature
 * ConfigMap"). Of several signatures of one digest the first is taken.
 */
export function signatureConfigMap(
  signatures: readonly ReleaseSignature[],
  annotations: Annotations,
): Resource | undefined {
  const unique = new Map<Digest, Uint8Array>();
  for (const { digest, content } of signatures) if (!unique.has(digest)) unique.set(digest, content);
  if (unique.size === 0) return undefined;
  const sorted = [...unique].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: {
      name: 'mirrored-release-signatures',
      namespace: 'openshift-config-managed',
      labels: { 'release.openshift.io/verification-signatures': '' },
      annotations,
    },
    binaryData: Object.fromEntries(
      sorted.map(([digest, content], index) => [
        `${digestTag(digest)}-${index + 1}`,
        Buffer.from(content).toString('base64'),
      ]),
    ),
  };
}

/** The ConfigMap as compact JSON without final newline and as YAML, the vendor tool's two forms. */
export function signatureConfigMapFiles(configMap: Resource): readonly ResourceFile[] {
  return [
    { name: 'signature-configmap.json', content: JSON.stringify(configMap) },
    resourceFile('signature-configmap.yaml', configMap),
  ];
}
