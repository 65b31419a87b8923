import { test } from 'node:test';
import assert from 'node:assert/strict';
import { parseQuantity } from '../../../src/apply/quantity.ts';

/** Texts and what Kubernetes' Go library (k8s.io/apimachinery v0.36.4, resource.ParseQuantity) marshals them to. */
const MARSHALLED: readonly (readonly [string, string])[] = [
  ['4Gi', '4Gi'],
  ['1024Mi', '1Gi'],
  ['5.5Gi', '5632Mi'],
  ['0.5Gi', '512Mi'],
  ['4096', '4096'],
  ['4G', '4G'],
  ['1e9', '1e9'],
  ['1.5e3', '1500'],
  ['12E6', '12E6'],
  ['1.50Gi', '1536Mi'],
  ['0', '0'],
  ['0Gi', '0'],
  ['1024Gi', '1Ti'],
  ['0008Gi', '8Gi'],
  ['+8Gi', '8Gi'],
  ['-8Gi', '-8Gi'],
  ['.5Gi', '512Mi'],
  ['5.Gi', '5.Gi'],
  ['100m', '100m'],
  ['0.1', '100m'],
  ['1.234567891234G', '1.234567891234G'],
  ['1000Ti', '1000Ti'],
  ['9Ei', '9223372036854775807'],
  ['0.00000000001Gi', '10737419n'],
  ['1.3Gi', '1395864371200m'],
  ['1.5G', '1500M'],
  ['1.5Ki', '1536'],
  ['10.5k', '10500'],
  ['1e19', '10e18'],
  ['5E3', '5E3'],
  ['1.5E', '1500P'],
];

test('a quantity is written as the Go library writes it', () => {
  for (const [text, marshalled] of MARSHALLED) assert.equal(parseQuantity(text)?.text, marshalled, text);
});

test('text that is no quantity is refused', () => {
  for (const text of ['', 'Gi', '8gi', '8GB', '8 Gi', '1e', '1e3Gi', '.', 'four', '1e999999999'])
    assert.equal(parseQuantity(text), undefined, text);
});

test('the same size has the same value in any spelling', () => {
  for (const text of ['1Gi', '1024Mi', '1048576Ki', '1073741824'])
    assert.equal(parseQuantity(text)?.nano, 2n ** 30n * 10n ** 9n, text);
});
