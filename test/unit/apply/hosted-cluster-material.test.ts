import { createPrivateKey, createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { isAirgapError } from '../../../src/core/errors.ts';
import {
  assertPublicSshKey,
  assertPullSecret,
  generateEncryptionKey,
  generateInfraId,
  generateSshKey,
} from '../../../src/apply/hosted-cluster-material.ts';

test('an infrastructure id is the shortened name and five characters that form no words', () => {
  for (const [name, base] of [
    ['example', 'example'],
    ['a'.repeat(30), 'a'.repeat(21)],
    ['with--dashes', 'with-dashes'],
    [`${'a'.repeat(20)}-tail`, 'a'.repeat(20)],
    ['dots.in.name', 'dots-in-name'],
  ])
    assert.match(generateInfraId(name!), new RegExp(`^${base}-[bcdfghjklmnpqrstvwxz2456789]{5}$`));
  assert.notEqual(generateInfraId('example'), generateInfraId('example'));
});

test('an encryption key has 32 bytes', () => {
  assert.equal(generateEncryptionKey().length, 32);
});

test('a generated SSH key is a pair that belongs together', async () => {
  const { publicKey, privateKey } = await generateSshKey();
  assertPublicSshKey(publicKey, 'generated');
  const { n, e } = createPublicKey(createPrivateKey(Buffer.from(privateKey!))).export({ format: 'jwk' });
  const blob = Buffer.from(Buffer.from(publicKey).toString().split(' ')[1]!, 'base64');
  const fields: Buffer[] = [];
  for (let at = 0; at < blob.length;) {
    const length = blob.readUInt32BE(at);
    fields.push(blob.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  assert.equal(fields[0]!.toString(), 'ssh-rsa');
  assert.equal(fields[1]!.toString('base64url'), e);
  assert.equal(fields[2]!.subarray(1).toString('base64url'), n);
  assert.equal(fields[2]![0], 0);
  assert.match(Buffer.from(privateKey!).toString(), /^-----BEGIN RSA PRIVATE KEY-----/);
});

test('an SSH key file must hold a public key', () => {
  assertPublicSshKey(Buffer.from('ssh-ed25519 AAAAC3Nza user@host\n'), 'id.pub');
  for (const text of ['-----BEGIN OPENSSH PRIVATE KEY-----\nssh-rsa AAAA\n', 'hello', 'ssh-rsa'])
    assert.throws(
      () => assertPublicSshKey(Buffer.from(text), 'id'),
      (error) => isAirgapError(error, 'E_CONFIG'),
    );
});

test('a pull secret must have credentials for every registry of the hosted cluster', () => {
  const secret = Buffer.from('{"auths":{"r.example.com:5000/team":{"auth":"eDp5"},"q.example.com":{}}}');
  assertPullSecret(secret, 'f', ['r.example.com:5000/team/images', 'q.example.com']);
  for (const [content, registries] of [
    [secret, ['r.example.com:5000']],
    [secret, ['q.example.com:5000']],
    [Buffer.from('{"auths":{}}'), []],
    [Buffer.from('{"auths":null}'), []],
    [Buffer.from('fake'), []],
    [Buffer.from('[]'), []],
  ] as const)
    assert.throws(
      () => assertPullSecret(content, 'f', registries),
      (error) => isAirgapError(error, 'E_CONFIG') && !error.message.includes('eDp5'),
    );
});
