import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseYaml } from '../../../../src/core/yaml.ts';
import { loadImageSet } from '../../../../src/mirror/image-set.ts';
import { assertCrossesGap, farSideConfig } from '../../../../src/workflows/oc-mirror/far-side-config.ts';

const CATALOG = 'registry.redhat.io/redhat/redhat-operator-index:v4.17';
const textOf = (mirror: object): string =>
  JSON.stringify({ apiVersion: 'mirror.openshift.io/v2alpha1', kind: 'ImageSetConfiguration', mirror });

function configFor(mirror: object, images: readonly object[] = []): string {
  const configText = textOf(mirror);
  return farSideConfig({ imageSet: loadImageSet(configText, 'a test'), configText, plan: { images } } as never);
}

test('a configuration that names no file of this side goes as it is written', () => {
  const mirror = { operators: [{ catalog: CATALOG, packages: [{ name: 'a' }] }] };
  assert.equal(configFor(mirror), textOf(mirror));
});

test('charts go as their images, templates not at all', () => {
  const mirror = {
    operators: [{ catalog: CATALOG, packages: [{ name: 'a' }], targetCatalogSourceTemplate: 'template.yaml' }],
    additionalImages: [{ name: 'quay.io/named:1' }],
    helm: { local: [{ name: 'chart', path: './chart' }] },
  };
  const images = [
    { kind: 'helm', origin: 'quay.io/of-the-chart:1' },
    { kind: 'helm', origin: 'quay.io/named:1' },
    { kind: 'additional', origin: 'quay.io/named:1' },
  ];
  const written = parseYaml(configFor(mirror, images), 'what is written') as Record<string, unknown>;
  assert.deepEqual(written['mirror'], {
    operators: [{ catalog: CATALOG, packages: [{ name: 'a' }] }],
    additionalImages: [{ name: 'quay.io/named:1' }, { name: 'quay.io/of-the-chart:1' }],
  });
});

test('full catalogs are refused, also with an empty list of packages', () => {
  const refuse = (operator: object): void => {
    const imageSet = loadImageSet(textOf({ operators: [{ catalog: CATALOG, ...operator }] }), 'a test');
    assertCrossesGap(imageSet, 'a test');
  };
  assert.throws(() => refuse({ full: true }), { code: 'E_CONFIG' });
  assert.throws(() => refuse({ full: true, packages: [] }), { code: 'E_CONFIG' });
  refuse({ full: true, packages: [{ name: 'a' }] });
  refuse({ packages: [] });
});
