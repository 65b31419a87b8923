import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { signatureConfigMap, signatureConfigMapFiles } from '../../../src/apply/signature-config-map.ts';
import type { Digest } from '../../../src/oci/digest.ts';

const A: Digest = `sha256:${'a'.repeat(64)}`;
const B: Digest = `sha256:${'b'.repeat(64)}`;

describe('signatureConfigMap', () => {
  it('numbers one entry per digest over the whole map, whatever the order of the input', () => {
    const [a, b, again] = ['one', 'two', 'three'].map((text) => Buffer.from(text));
    const configMap = signatureConfigMap(
      [
        { digest: B, content: b! },
        { digest: A, content: a! },
        { digest: B, content: again! },
      ],
      {},
    );
    assert.deepEqual(configMap?.['binaryData'], {
      [`sha256-${'a'.repeat(64)}-1`]: 'b25l',
      [`sha256-${'b'.repeat(64)}-2`]: 'dHdv',
    });
  });

  it('is absent without signatures', () => {
    assert.equal(signatureConfigMap([], {}), undefined);
  });

  it('is compact JSON without final newline in one file and YAML in the other', () => {
    const configMap = signatureConfigMap([{ digest: A, content: Buffer.from('x') }], { createdBy: 'test' });
    const [json, yaml] = signatureConfigMapFiles(configMap!);
    assert.equal(
      json?.content,
      '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"mirrored-release-signatures",' +
        '"namespace":"openshift-config-managed","labels":{"release.openshift.io/verification-signatures":""},' +
        `"annotations":{"createdBy":"test"}},"binaryData":{"sha256-${'a'.repeat(64)}-1":"eA=="}}`,
    );
    assert.match(yaml?.content ?? '', /^apiVersion: v1\nbinaryData:\n {2}sha256-a+-1: eA==\nkind: ConfigMap\n/);
  });
});
