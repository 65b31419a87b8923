import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { decideSerial, listApplied, lockState, readState } from '../../../src/bundle/state.ts';
import type { SerialOptions, StreamState } from '../../../src/bundle/state.ts';
import { IDENTITY, manifestBytes } from '../../support/signing.ts';

const HEX_A = 'a'.repeat(64);
const HEX_B = 'b'.repeat(64);
const applied: StreamState = { serial: 7, manifestSha256: HEX_A, appliedAt: '2026-11-22T16:00:00.000Z' };

describe('the serial of a bundle', () => {
  interface Row {
    readonly name: string;
    readonly state?: StreamState;
    readonly serial: number;
    readonly options?: Partial<SerialOptions>;
    readonly expected: string;
  }
  const rows: readonly Row[] = [
    { name: 'any, first of its stream', serial: 1, expected: 'first' },
    { name: 'first, at the lowest asked for', serial: 5, options: { minSerial: 5 }, expected: 'first' },
    { name: 'first, below the lowest asked for', serial: 4, options: { minSerial: 5 }, expected: 'E_ROLLBACK' },
    { name: 'higher', state: applied, serial: 8, expected: 'newer' },
    { name: 'equal with the same bundle manifest', state: applied, serial: 7, expected: 'repeat' },
    {
      name: 'equal with another bundle manifest',
      state: applied,
      serial: 7,
      options: { manifestSha256: HEX_B },
      expected: 'E_EQUIVOCATION',
    },
    {
      name: 'equal with another one and a rollback allowed',
      state: applied,
      serial: 7,
      options: { manifestSha256: HEX_B, allowRollback: 7 },
      expected: 'E_EQUIVOCATION',
    },
    { name: 'lower', state: applied, serial: 6, expected: 'E_ROLLBACK' },
    {
      name: 'lower, allowed by its number',
      state: applied,
      serial: 6,
      options: { allowRollback: 6 },
      expected: 'rollback',
    },
    {
      name: 'lower, another number allowed',
      state: applied,
      serial: 6,
      options: { allowRollback: 5 },
      expected: 'E_ROLLBACK',
    },
    {
      name: 'lower, allowed, but below the lowest asked for',
      state: applied,
      serial: 6,
      options: { allowRollback: 6, minSerial: 7 },
      expected: 'E_ROLLBACK',
    },
    {
      name: 'higher than applied, below the lowest asked for',
      state: applied,
      serial: 8,
      options: { minSerial: 9 },
      expected: 'E_ROLLBACK',
    },
  ];
  for (const { name, state, serial, options, expected } of rows) {
    it(`${name}: ${expected}`, () => {
      const decide = (): string => decideSerial(state, { ...IDENTITY, serial }, { manifestSha256: HEX_A, ...options });
      if (expected.startsWith('E_')) assert.throws(decide, { code: expected });
      else assert.equal(decide(), expected);
    });
  }
});

describe('the state of a stream', () => {
  const root = mkdtempSync(join(tmpdir(), 'airgap-state-'));
  after(() => rm(root, { recursive: true }));
  const record = (serial: number, manifestSha256: string) => ({
    bundle: { ...IDENTITY, serial },
    manifestSha256,
    manifest: manifestBytes(),
    signatures: [Buffer.from('one'), Buffer.from('two')],
    appliedAt: new Date('2026-11-23T00:00:00Z'),
  });

  it('is empty at first and afterwards what was recorded last, with manifest and signatures kept', async () => {
    const dir = join(root, 'first', 'deep');
    {
      await using locked = await lockState(dir, 'ocp-prod');
      assert.equal(locked.state, undefined);
      assert.equal(await locked.readApplied(HEX_A), undefined);
      await locked.record(record(7, HEX_A));
      assert.deepEqual(await locked.readApplied(HEX_A), manifestBytes());
    }
    assert.deepEqual(await readState(dir, 'ocp-prod'), {
      serial: 7,
      manifestSha256: HEX_A,
      appliedAt: '2026-11-23T00:00:00.000Z',
    });
    assert.deepEqual((await readdir(join(dir, 'ocp-prod', HEX_A))).toSorted(), [
      'airgap-manifest.json',
      'airgap-manifest.json.1.sigstore.json',
      'airgap-manifest.json.2.sigstore.json',
    ]);
    assert.deepEqual((await readdir(dir)).toSorted(), ['ocp-prod', 'ocp-prod.json']);
    assert.equal((await stat(dir)).mode & 0o777, 0o700);
  });

  it('remembers what a rollback replaced', async () => {
    const dir = join(root, 'rollback');
    for (const [serial, hex] of [
      [7, HEX_A],
      [6, HEX_B],
    ] as const) {
      await using locked = await lockState(dir, 'ocp-prod');
      await locked.record(record(serial, hex));
    }
    const state = await readState(dir, 'ocp-prod');
    assert.equal(state?.serial, 6);
    assert.deepEqual(state?.rolledBackFrom, { serial: 7, manifestSha256: HEX_A });
    assert.deepEqual(await listApplied(dir, 'ocp-prod'), [HEX_A, HEX_B]);
    assert.deepEqual(await listApplied(dir, 'ocp-test'), []);
  });

  it('is held by one run at a time, and free again afterwards', async () => {
    const dir = join(root, 'lock');
    {
      await using _held = await lockState(dir, 'ocp-prod');
      await assert.rejects(lockState(dir, 'ocp-prod'), { code: 'E_USAGE' });
      await using _other = await lockState(dir, 'ocp-test');
    }
    await using again = await lockState(dir, 'ocp-prod');
    assert.equal(again.state, undefined);
  });

  it('is taken over from a run that ended without giving it back', async () => {
    const dir = join(root, 'abandoned');
    await mkdir(dir);
    const gone = spawnSync(process.execPath, ['-e', '']).pid;
    await writeFile(join(dir, 'ocp-prod.lock'), `${gone} 1\n`);
    await using first = await lockState(dir, 'ocp-prod');
    assert.equal(first.state, undefined);
    // Our own number, but started at another time: an earlier process that had it.
    await writeFile(join(dir, 'ocp-test.lock'), `${process.pid} 1\n`);
    await using second = await lockState(dir, 'ocp-test');
    assert.equal(second.state, undefined);
    assert.match(await readFile(join(dir, 'ocp-test.lock'), 'utf8'), new RegExp(`^${process.pid} \\d{2,}\n$`));
  });

  for (const [what, text] of Object.entries({
    'not JSON': '{',
    'an unknown member': `{"serial":7,"manifestSha256":"${HEX_A}","appliedAt":"2026-11-22T16:00:00Z","x":1}`,
    'a serial that is no number': `{"serial":"7","manifestSha256":"${HEX_A}","appliedAt":"2026-11-22T16:00:00Z"}`,
    empty: '',
  })) {
    it(`is not taken as "nothing applied" when its file is damaged: ${what}`, async () => {
      const dir = mkdtempSync(join(root, 'damaged-'));
      await writeFile(join(dir, 'ocp-prod.json'), text);
      await assert.rejects(readState(dir, 'ocp-prod'), { code: 'E_USAGE' });
      await assert.rejects(lockState(dir, 'ocp-prod'), { code: 'E_USAGE' });
      assert.deepEqual(await readdir(dir), ['ocp-prod.json']);
    });
  }

  for (const name of ['../x', 'a/b', '', 'UPPER', '.hidden', 'x.json', 'x.lock', 'x'.repeat(64)]) {
    it(`has no place for a stream named ${JSON.stringify(name)}`, async () => {
      await assert.rejects(lockState(root, name), { code: 'E_USAGE' });
    });
  }

  it('keeps bundles of another stream out', async () => {
    await using locked = await lockState(join(root, 'other'), 'ocp-test');
    await assert.rejects(locked.record(record(7, HEX_A)), /no bundle of ocp-test/);
  });
});
