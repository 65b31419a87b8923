import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chartImages } from '../../../src/mirror/chart-images.ts';
import { formatReference } from '../../../src/oci/reference.ts';

function found(manifests: string, imagePaths: readonly string[] = []): string[] {
  return chartImages(manifests, 'chart x', imagePaths).images.map(
    ({ ref, resource }) => `${resource}: ${formatReference(ref)}`,
  );
}

const POD = (name: string, image: string): string =>
  `---\n# Source: x/pod.yaml\nkind: Pod\nmetadata: {name: ${name}}\nspec: {containers: [{image: "${image}"}]}\n`;
const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('chartImages', () => {
  it('looks at pods and pod templates, init containers first', () => {
    const manifests = `
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers: [{image: q.io/a/web:1}, {image: q.io/a/side:1}]
      initContainers: [{image: q.io/a/init:1}]
---
kind: Pod
metadata: {name: p}
spec:
  containers: [{image: "q.io/a/pod@${DIGEST}"}]
  initContainers: [{image: "q.io/a/pod-init:1@${DIGEST}"}]
---
kind: Service
metadata: {name: s}
spec: {containers: none}
`;
    assert.deepEqual(found(manifests), [
      'Deployment web: q.io/a/init:1',
      'Deployment web: q.io/a/web:1',
      'Deployment web: q.io/a/side:1',
      `Pod p: q.io/a/pod-init:1@${DIGEST}`,
      `Pod p: q.io/a/pod@${DIGEST}`,
    ]);
  });

  it('lists an image once, with the first resource that names it', () => {
    assert.deepEqual(found(POD('one', 'q.io/a/b:1') + POD('two', 'q.io/a/b:1')), ['Pod one: q.io/a/b:1']);
  });

  it('applies image paths to every manifest, definitions included', () => {
    const manifests = `
kind: CustomResourceDefinition
metadata: {name: d}
spec: {example: {image: q.io/a/d:1}}
---
kind: CronJob
metadata: {name: c}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: q.io/a/c:1}]}}}}}
`;
    assert.deepEqual(found(manifests), []);
    assert.deepEqual(found(manifests, ['{.spec.example.image}']), ['CustomResourceDefinition d: q.io/a/d:1']);
    assert.deepEqual(found(manifests, ['{.spec.jobTemplate.spec.template.spec.containers[*].image}']), [
      'CronJob c: q.io/a/c:1',
    ]);
    assert.deepEqual(found(manifests, ['.spec.example.image']), [], 'a path without braces is literal text');
  });

  it('takes every word a path gives that is a reference', () => {
    const manifest =
      'kind: X\nimages: [q.io/a/b:1, "no reference!", 7, {image: q.io/a/c:1}]\nother: q.io/a/d:1 q.io/a/e:1\n';
    assert.deepEqual(found(manifest, ['{.images[*]}', '{.other}']), [
      'X: q.io/a/b:1',
      'X: q.io/a/d:1',
      'X: q.io/a/e:1',
    ]);
  });

  it('warns of images that stay behind', () => {
    const manifests = `
kind: CronJob
metadata: {name: c}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: q.io/a/c:1}]}}}}}
${POD('p', 'q.io/a/bare')}`;
    const { warnings } = chartImages(manifests, 'chart x', []);
    assert.deepEqual(
      warnings.map((warning) => warning.message),
      [
        'chart x: Pod p names q.io/a/bare without tag or digest; it is not mirrored',
        'chart x: CronJob c names q.io/a/c:1 where no image path looks; it is not mirrored, add one to imagePaths',
      ],
    );
  });

  it('reads manifests as Kubernetes tools do: repeated keys and merge keys', () => {
    const manifests = `
kind: Pod
kind: Deployment
base: &base {image: q.io/a/m:1}
spec: {template: {spec: {containers: [{<<: *base, name: x}]}}}
`;
    assert.deepEqual(found(manifests), ['Deployment: q.io/a/m:1']);
  });

  it('refuses an image path that can not be read or does not fit, and manifests that are no YAML', () => {
    assert.throws(() => found(POD('p', 'q.io/a/b:1'), ['{.spec[']), { code: 'E_CONFIG' });
    assert.throws(() => found(POD('p', 'q.io/a/b:1'), ['{.spec[0]}']), { code: 'E_CONFIG' });
    assert.throws(() => found('a: [', []), { code: 'E_CONFIG', message: /chart x/ });
  });
});
