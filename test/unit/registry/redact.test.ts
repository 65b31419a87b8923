import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable, redactUrl } from '../../../src/registry/redact.ts';

test('a URL is shown without user info and with harmless query values only', () => {
  const url = new URL('https://u:secret@s3.example/b/x?X-Amz-Signature=abc&digest=sha256:1&_state=zzz');
  assert.equal(redactUrl(url), 'https://s3.example/b/x?X-Amz-Signature=REDACTED&digest=sha256:1&_state=REDACTED');
});

test('text of a server can not control the terminal', () => {
  assert.equal(printable('a\u001b[31mred\r\nb\u202e'), 'a [31mred b');
  assert.equal(printable('x'.repeat(10), 4), 'xxxx…');
});
