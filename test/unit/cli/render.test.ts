import assert from 'node:assert/strict';
import test from 'node:test';
import { AirgapError, ERROR_CODES } from '../../../src/core/errors.ts';
import { createProgress } from '../../../src/cli/progress.ts';
import { errorAsJson, formatError } from '../../../src/cli/render-error.ts';
import { createJsonRenderer, createLineRenderer } from '../../../src/cli/render.ts';

const MIB = 1024 * 1024;

test('the running stage is one line with images, bytes, rate and time left', () => {
  let now = 0;
  const progress = createProgress(() => now);
  progress.add({ type: 'stage', name: 'pack', state: 'started' });
  progress.add({ type: 'total', images: 4, blobs: 9, bytes: 100 * MIB });
  progress.add({ type: 'skipped', digest: 'd', size: 10 * MIB, reason: 'kept' });
  now = 1000;
  progress.add({ type: 'blob', digest: 'e', size: 50 * MIB, bytes: 20 * MIB, done: false });
  progress.add({ type: 'image', reference: 'x' });
  assert.equal(progress.line(), 'pack · 1/4 images · 30.0 MiB of 100 MiB · 20.0 MiB/s · 3.5 s left');
});

test('the rate follows the last seconds', () => {
  let now = 0;
  const progress = createProgress(() => now);
  progress.add({ type: 'stage', name: 'push', state: 'started' });
  progress.add({ type: 'total', images: 0, blobs: 1, bytes: 1000 * MIB });
  for (; now <= 60_000; now += 1000) {
    progress.add({ type: 'blob', digest: 'e', size: 1, bytes: (now < 30_000 ? 1 : 10) * MIB, done: false });
  }
  assert.match(progress.line(), /· (9|10)(\.\d)? MiB\/s ·/);
});

test('plain lines: stages when they end, warnings and retries at once, the state every 30 s', () => {
  let now = 0;
  const lines: string[] = [];
  const renderer = createLineRenderer({ write: (text) => lines.push(text), now: () => now, verbose: false });
  renderer.report({ type: 'stage', name: 'push', state: 'started' });
  renderer.report({ type: 'total', images: 1, blobs: 1, bytes: 4 * MIB });
  renderer.report({ type: 'blob', digest: 'd', size: 4 * MIB, bytes: MIB, done: false });
  assert.deepEqual(lines, []);
  now = 31_000;
  renderer.report({ type: 'blob', digest: 'd', size: 4 * MIB, bytes: MIB, done: false });
  renderer.report({ type: 'retry', subject: 'GET x', attempt: 1, delayMs: 500, reason: 'reset' });
  renderer.report({ type: 'warning', code: 'W_SPARSE', message: 'careful' });
  renderer.report({ type: 'request', method: 'GET', url: 'u', status: 200, elapsedMs: 1 });
  renderer.report({ type: 'stage', name: 'push', state: 'finished', detail: 'all there', elapsedMs: 31_000 });
  assert.deepEqual(lines, [
    'push · 0/1 images · 2.0 MiB of 4.0 MiB · 33.0 KiB/s · 62 s left\n',
    '~ GET x: reset; again in 0.5 s (try 2)\n',
    '! W_SPARSE: careful\n',
    '✓ push: all there (31 s)\n',
  ]);
});

test('what a preview foresees for nodes is one line: effect, time, pools, causes', () => {
  const lines: string[] = [];
  const renderer = createLineRenderer({ write: (text) => lines.push(text), now: () => 0, verbose: false });
  const pools = [
    { name: 'master', nodes: 3 },
    { name: 'worker', nodes: 2, isPaused: true as const },
  ];
  const because = ['a', 'b', 'c', 'd'].map((source) => `tag mirrors for ${source}`);
  renderer.report({ type: 'rollout', effect: 'drain', pools, because, expectedMs: 50 * 60_000 });
  renderer.report({ type: 'rollout', effect: 'none', pools, because: ['CA certificates of registries'] });
  assert.deepEqual(lines, [
    '  nodes would be drained one after the other, about 50 min (master 3; worker 2, paused: would never finish), because of tag mirrors for a, tag mirrors for b, tag mirrors for c and 1 more\n',
    '  no roll-out: nodes would get new files as they are, because of CA certificates of registries\n',
  ]);
});

test('JSON lines carry every event with its time', () => {
  const lines: string[] = [];
  const renderer = createJsonRenderer({ write: (text) => lines.push(text), now: () => 0, verbose: false });
  renderer.report({ type: 'image', reference: 'x', digest: 'd' });
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [{ time: '1970-01-01T00:00:00.000Z', type: 'image', reference: 'x', digest: 'd' }],
  );
});

test('an error says code, causes and the fix, also when a cause knows the fix', () => {
  const cause = new AirgapError('E_UNREACHABLE', 'connection refused', {
    hint: 'start it',
    cause: new Error('ECONNREFUSED'),
  });
  const error = new AirgapError('E_NOT_FOUND', 'source x: no answer', { cause, data: { origin: 'x' } });
  assert.equal(
    formatError(error),
    'error E_NOT_FOUND: source x: no answer\n  because: E_UNREACHABLE: connection refused\n  because: ECONNREFUSED\n  fix: start it',
  );
  assert.deepEqual(errorAsJson(error), {
    ok: false,
    code: 'E_NOT_FOUND',
    message: 'source x: no answer',
    hint: 'start it',
    origin: 'x',
  });
});

test('every error is shown with a fix, its own or one for its code', () => {
  const hints = ERROR_CODES.map((code) => {
    const error = new AirgapError(code, 'x', { cause: new Error('y') });
    const hint = String(errorAsJson(error)['hint']);
    assert.match(hint, /^[a-z].{20,}[^.]$/, code);
    assert.equal(formatError(error).split('\n').at(-1), `  fix: ${hint}`);
    assert.equal(errorAsJson(new AirgapError(code, 'x', { hint: 'own' }))['hint'], 'own');
    return hint;
  });
  assert.equal(new Set(hints).size, ERROR_CODES.length);
});

test('a preview shows the fields that differ; what is done is one line', () => {
  const lines: string[] = [];
  const renderer = createLineRenderer({ write: (text) => lines.push(text), now: () => 0, verbose: false });
  const differences = [
    { path: 'spec.replicas', before: 1, after: 2 },
    { path: 'spec.sources[0]', before: undefined, after: { name: 'a', mirrors: ['b', 'c'] } },
    { path: 'metadata.labels["a.b/c"]', before: 'x', after: undefined },
    { path: 'data["ca.pem"]', before: undefined, after: `-----BEGIN CERTIFICATE-----\n${'A'.repeat(200)}\n` },
  ];
  const change = { type: 'change', subject: 'Kind/a', action: 'configured', differences } as const;
  renderer.report({ ...change, isPreview: true });
  renderer.report(change);
  renderer.report({ ...change, action: 'unchanged', differences: [] });
  renderer.report({
    type: 'change',
    subject: 'Kind/b',
    action: 'created',
    isPreview: true,
    note: 'its API is not installed yet',
    differences: [{ path: '', before: undefined, after: { kind: 'Kind', spec: { empty: {} } } }],
  });
  assert.deepEqual(lines.join('').split('\n'), [
    '  Kind/a would be configured',
    '      - spec.replicas: 1',
    '      + spec.replicas: 2',
    '      + spec.sources[0]:',
    '      +   name: a',
    '      +   mirrors:',
    '      +     - b',
    '      +     - c',
    '      - metadata.labels["a.b/c"]: x',
    '      + data["ca.pem"]: -----BEGIN CERTIFICATE----- … (229 bytes, sha256:034c773ec7ec30f5)',
    '  Kind/a configured',
    '  Kind/b would be created (no full preview: its API is not installed yet)',
    '      + kind: Kind',
    '      + spec:',
    '      +   empty: {}',
    '',
  ]);
});
