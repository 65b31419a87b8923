import assert from 'node:assert/strict';
import test from 'node:test';
import { formatBytes, formatDuration } from '../../../src/core/bytes.ts';
import { canonicalJson } from '../../../src/core/canonical-json.ts';
import { AirgapError } from '../../../src/core/errors.ts';
import { parseRetryAfter, withRetry } from '../../../src/core/retry.ts';
import { formatYaml, parseYaml } from '../../../src/core/yaml.ts';

test('canonical JSON sorts members, writes no white space and refuses what it can not hold', () => {
  assert.equal(
    canonicalJson({ b: [1, true, null], a: 'é"\n', '\u20ac': {} }),
    '{"a":"é\\"\\n","b":[1,true,null],"€":{}}',
  );
  for (const bad of [1.5, Number.NaN, 2 ** 53, -0, '\ud800', 1n, () => {}])
    assert.throws(() => canonicalJson(bad), TypeError);
});

test('sizes and durations are written for people', () => {
  assert.deepEqual([0, 512, 1536, 200 * 1024, 3.3e10].map(formatBytes), [
    '0 B',
    '512 B',
    '1.5 KiB',
    '200 KiB',
    '30.7 GiB',
  ]);
  assert.deepEqual([400, 45_000, 200_000, 7_500_000].map(formatDuration), ['0.4 s', '45 s', '3 min', '2 h 05 min']);
});

test('YAML errors name file, line and column; a second document and a repeated key are refused', () => {
  assert.throws(() => parseYaml('a: 1\n b: 2\n', 'x.yaml'), { code: 'E_CONFIG', message: /^x\.yaml:2:/ });
  assert.throws(() => parseYaml('a: 1\na: 2\n', 'x.yaml'), { code: 'E_CONFIG', message: /^x\.yaml:2:1: duplicate/i });
  assert.throws(() => parseYaml('a: 1\n---\nb: 2\n', 'x.yaml'), { code: 'E_CONFIG', message: /2 YAML documents/ });
});

test('YAML output keeps PEM text as a literal block and quotes words that older readers take for booleans', () => {
  const pem = `-----BEGIN CERTIFICATE-----\n${'A'.repeat(64)}\n${'B'.repeat(20)}\n-----END CERTIFICATE-----\n`;
  assert.equal(formatYaml({ ca: pem, word: 'yes' }), `ca: |\n${pem.replaceAll(/^(?=.)/gm, '  ')}word: 'yes'\n`);
  assert.deepEqual(parseYaml(formatYaml({ ca: pem }), 'x'), { ca: pem });
});

test('Retry-After is seconds or a date', () => {
  assert.equal(parseRetryAfter('7', 0), 7000);
  assert.equal(parseRetryAfter('Thu, 01 Jan 1970 00:00:09 GMT', 4000), 5000);
  assert.equal(parseRetryAfter('soon', 0), undefined);
});

test('a retryable error is tried again until it works, another one is thrown at once', async () => {
  const signal = new AbortController().signal;
  let calls = 0;
  const result = await withRetry(
    async () => {
      calls += 1;
      if (calls < 3) throw new AirgapError('E_UNREACHABLE', 'reset');
      return 'there';
    },
    { signal, retryable: () => ({ afterMs: 0 }) },
  );
  assert.deepEqual([result, calls], ['there', 3]);
  await assert.rejects(
    withRetry(async () => Promise.reject(new AirgapError('E_NOT_FOUND', 'no')), { signal, retryable: () => false }),
    { code: 'E_NOT_FOUND' },
  );
});

test('the attempts are bounded and the last error is the one thrown', async () => {
  let calls = 0;
  await assert.rejects(
    withRetry(
      async () => {
        calls += 1;
        throw new AirgapError('E_UNREACHABLE', `try ${calls}`);
      },
      { signal: new AbortController().signal, attempts: 3, retryable: () => ({ afterMs: 0 }) },
    ),
    { message: 'try 3' },
  );
});
