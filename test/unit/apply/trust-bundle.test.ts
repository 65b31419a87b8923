import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { isAirgapError } from '../../../src/core/errors.ts';
import { readTrustBundle, unionOfTrustBundles } from '../../../src/apply/trust-bundle.ts';

const certificate = (name: string) =>
  readFileSync(new URL(`../../fixtures/certificates/ca-${name}.pem`, import.meta.url), 'utf8');
const one = certificate('one');
const two = certificate('two');

test('a clean bundle stays byte for byte', () => {
  assert.equal(readTrustBundle(one + two, 'ca.pem'), one + two);
});

test('comments go, repeated certificates are left out, the text ends with a newline', () => {
  const text = `# corporate\n${one.replaceAll('\n', '\r\n')}//\n${two}// again\n${one.trimEnd()}`;
  assert.equal(readTrustBundle(text, 'ca.pem'), one + two);
});

test('a union never loses a certificate', () => {
  assert.equal(unionOfTrustBundles([two, undefined, '', one + two], 'x'), two + one);
  assert.equal(unionOfTrustBundles([undefined, ' '], 'x'), undefined);
});

test('text without a certificate, with a private key or with a broken certificate is refused', () => {
  const key = '-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n';
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  for (const text of ['', 'hello', one + key, broken])
    assert.throws(
      () => readTrustBundle(text, 'ca.pem'),
      (error) => isAirgapError(error, 'E_CONFIG') && error.message.startsWith('ca.pem'),
    );
});
