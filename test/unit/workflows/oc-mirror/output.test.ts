import assert from 'node:assert/strict';
import test from 'node:test';
import type { ProgressEvent } from '../../../../src/core/events.ts';
import { createSaidReader, readLine, type SaidLine } from '../../../../src/workflows/oc-mirror/output.ts';

const D = `sha256:${'a'.repeat(64)}`;

test('lines of recorded runs', () => {
  const cases: readonly (readonly [string, SaidLine | undefined])[] = [
    ['2026/08/21 09:12:33  [INFO]   : 🔀 workflow mode: mirrorToDisk ', undefined],
    ['2026/08/21 09:12:33  [INFO]   : 📌 images to copy 10 ', { kind: 'total', images: 10 }],
    [
      `2026/08/21 09:12:33  [INFO]   : Success copying quay.io/openshift-release-dev/ocp-v4.0-art-dev@${D} ➡️ cache`,
      { kind: 'copied', origin: `quay.io/openshift-release-dev/ocp-v4.0-art-dev@${D}` },
    ],
    [
      `2026/08/21 09:12:33  [INFO]   : Success copying docker://registry.redhat.io/beta/op@${D} ➡️ localhost:5020/ocp/beta/`,
      { kind: 'copied', origin: `registry.redhat.io/beta/op@${D}` },
    ],
    [
      '2026/08/21 09:12:33  [ERROR]  : Failed to copy generic quay.io/a/b:1',
      { kind: 'failed', origin: 'quay.io/a/b:1' },
    ],
    ['2026/08/21 09:12:33  [INFO]   : 📦 Preparing the tarball archive...', { kind: 'archiving' }],
    [
      '2026/08/21 09:12:33  [WARN]   : [AdditionalImagesCollector] x has both tag and digest',
      { kind: 'warning', text: '[AdditionalImagesCollector] x has both tag and digest' },
    ],
    [
      '2026/08/21 09:12:33  [ERROR]  : [Executor] 55000 is already bound and cannot be used ',
      { kind: 'error', text: '[Executor] 55000 is already bound and cannot be used' },
    ],
    ['F0821 09:12:33.1 1 main.go:46] the use of the flag --v1 or --v2 is mandatory', undefined],
    ['panic: runtime error', { kind: 'error', text: 'panic: runtime error' }],
    ['Extracting chunk file (1 / 1): /x/mirror_000001.tar', undefined],
    ['', undefined],
  ];
  for (const [line, expected] of cases) {
    const read = readLine(line);
    if (line.startsWith('F0821')) assert.equal(read?.kind, 'error');
    else assert.deepEqual(read, expected, line);
  }
});

test('events and what is remembered', () => {
  const events: ProgressEvent[] = [];
  let archiving = 0;
  const { onLine, said } = createSaidReader({
    report: (event) => events.push(event),
    sizeOf: (origin) => (origin === 'quay.io/a/b:1' ? { digest: D, bytes: 7 } : undefined),
    totalBytes: 7,
    onArchiving: () => (archiving += 1),
  });
  for (const text of [
    '[INFO]   : 📌 images to copy 3 ',
    '[INFO]   : Success copying quay.io/a/b:1 ➡️ cache',
    '[INFO]   : Success copying quay.io/unknown:1 ➡️ cache',
    '[ERROR]  : Failed to copy helmImage docker://quay.io/c/d:1',
    '[INFO]   : 📦 Preparing the tarball archive...',
  ])
    onLine(`2026/08/21 09:12:33  ${text}`);
  for (let at = 0; at < 60; at += 1) onLine(`2026/08/21 09:12:33  [ERROR]  : number ${at}`);
  assert.deepEqual(events, [
    { type: 'total', images: 3, blobs: 0, bytes: 7 },
    { type: 'blob', digest: D, size: 7, bytes: 7, done: true },
    { type: 'image', reference: 'quay.io/a/b:1', digest: D },
    { type: 'image', reference: 'quay.io/unknown:1' },
  ]);
  assert.equal(said.copied, 2);
  assert.deepEqual(said.failed, ['quay.io/c/d:1']);
  assert.equal(said.errors.length, 50);
  assert.equal(said.errors.at(-1), 'number 59');
  assert.equal(archiving, 1);
});
