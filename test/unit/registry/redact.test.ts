import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable, redactUrl } from '../../../src/registry/redact.ts';

test('a URL is shown without user info and with harmless query values only', () => {
  const url = new URL('https://u:secret@s3.example/b/x?X-Amz-Signature=abc&digest=sha256:1&_state=zzz');
  assert.equal(redactUrl(url), 'https://s3.example/b/x?X-Amz-Signature=REDACTED&digest=sha256:1&_state=REDACTED');
});

test('a query of an update service or a registry is shown, what grants access is not', () => {
  const shown = (query: string) => redactUrl(new URL(`https://x.example/graph?${query}`)).split('?')[1];
  assert.equal(shown('arch=amd64&channel=stable-4.17&version=4.17.9'), 'arch=amd64&channel=stable-4.17&version=4.17.9');
  assert.equal(shown('n=100&last=a/b&artifactType=text/plain'), 'n=100&last=a/b&artifactType=text/plain');
  const secrets = [
    'id',
    'token',
    'Signature',
    'sig',
    'Key-Pair-Id',
    'X-Amz-Credential',
    '_state',
    'account',
    'Version',
  ];
  for (const key of secrets) assert.equal(shown(`${key}=abc`), `${key}=REDACTED`);
});

test('a query that a server made can not control the terminal', () => {
  const text = redactUrl(new URL('https://x.example/?n=%1b%5b31m1%0d2&%1bx=1'));
  assert.equal(text, 'https://x.example/?n=[31m1 2&x=REDACTED');
});

test('text of a server can not control the terminal', () => {
  assert.equal(printable('a\u001b[31mred\r\nb\u202e'), 'a [31mred b');
  assert.equal(printable('x'.repeat(10), 4), 'xxxx…');
});
