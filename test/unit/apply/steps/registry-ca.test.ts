import assert from 'node:assert/strict';
import test from 'node:test';
import { registryCaKey, unionOfPem } from '../../../../src/apply/steps/registry-ca.ts';
import { createAuthority } from '../../../support/certificates.ts';

test('the key of a registry CA', () => {
  const keys = {
    'registry.example.com': 'registry.example.com',
    'registry.example.com:443': 'registry.example.com',
    'registry.example.com:5000': 'registry.example.com..5000',
  };
  for (const [host, key] of Object.entries(keys)) assert.equal(registryCaKey(host), key);
});

test('CA bundles grow by what they lack, and stay byte for byte when they lack nothing', () => {
  const [one, two] = [createAuthority().ca, createAuthority().ca];
  const existing = `# our own\n${one}`;
  assert.equal(unionOfPem(existing, one, 'x'), existing);
  const union = unionOfPem(existing, two, 'x');
  assert.equal(union, `${one.trimEnd()}\n${two.trimEnd()}\n`);
  assert.equal(unionOfPem(undefined, `// note\n${one}`, 'x'), `${one.trimEnd()}\n`);
});
