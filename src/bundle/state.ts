import { mkdir, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import { orOutputError, outputError } from './file-system.ts';
import { readIfThere, takeLock } from './lock-file.ts';
import { MANIFEST_PATH } from './manifest.ts';
import type { BundleIdentity } from './manifest.ts';

/** What was last applied of a stream (signing, section 9). */
export interface StreamState {
  readonly serial: number;
  /** Hex digest of the applied bundle manifest. */
  readonly manifestSha256: string;
  /** RFC 3339. */
  readonly appliedAt: string;
  /** What was applied before, when this bundle was applied although its serial is lower. */
  readonly rolledBackFrom?: { readonly serial: number; readonly manifestSha256: string };
}

/** As much of the state as decides about the next bundle. */
export type AppliedState = Pick<StreamState, 'serial' | 'manifestSha256'>;

export interface SerialOptions {
  /** Hex digest of the bundle manifest in question. */
  readonly manifestSha256: string;
  /** The serial the user allows to go back to; counts only when it is the bundle's own. */
  readonly allowRollback?: number;
  /** Lowest serial to accept, whatever the state says. */
  readonly minSerial?: number;
}

export type SerialDecision = 'first' | 'newer' | 'repeat' | 'rollback';

/**
 * Whether a bundle may follow what was applied: `first` without a state, `newer`, `repeat` of the very same bundle, or a
 * `rollback` the user allowed by its serial. Throws `E_ROLLBACK` for a lower serial and `E_EQUIVOCATION` for another bundle
 * manifest with the same serial, which no option allows.
 */
export function decideSerial(
  state: AppliedState | undefined,
  bundle: BundleIdentity,
  options: SerialOptions,
): SerialDecision {
  const { serial, name } = bundle;
  if (options.minSerial !== undefined && serial < options.minSerial) {
    throw new AirgapError(
      'E_ROLLBACK',
      `${name} ${serial} is older than the lowest serial asked for, ${options.minSerial}`,
      { hint: 'take a newer bundle, or correct --min-serial' },
    );
  }
  if (state === undefined) return 'first';
  if (serial > state.serial) return 'newer';
  if (serial === state.serial) {
    if (options.manifestSha256 === state.manifestSha256) return 'repeat';
    throw new AirgapError('E_EQUIVOCATION', `another bundle was applied as ${name} ${serial}`, {
      hint: 'ask the sender why two different bundles carry the same serial; do not apply either until that is known',
      data: { applied: state.manifestSha256, offered: options.manifestSha256 },
    });
  }
  if (options.allowRollback === serial) return 'rollback';
  throw new AirgapError('E_ROLLBACK', `${name} ${serial} is older than ${name} ${state.serial}, which was applied`, {
    hint: `to go back on purpose: --allow-rollback ${serial}`,
  });
}

/** What was applied, as it is recorded: the bundle manifest and signatures are kept as the base of differential bundles. */
export interface AppliedBundle {
  readonly bundle: BundleIdentity;
  readonly manifestSha256: string;
  readonly manifest: Uint8Array;
  readonly signatures: readonly Uint8Array[];
  readonly appliedAt: Date;
}

/** The state of one stream, held by this process alone until it is disposed. */
export interface LockedState extends AsyncDisposable {
  /** Undefined before the first bundle of the stream was applied. */
  readonly state: StreamState | undefined;
  /** The bytes of a bundle manifest that was applied, or undefined: the base a differential bundle may build on. */
  readApplied(manifestSha256: string): Promise<Buffer | undefined>;
  /** Moves the state forward. To be called when everything was applied, not when it was verified. */
  record(applied: AppliedBundle): Promise<void>;
}

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const hex = z.string().regex(/^[0-9a-f]{64}$/);
const serial = z.int().min(1);
const stateSchema = z.strictObject({
  serial,
  manifestSha256: hex,
  appliedAt: z.iso.datetime(),
  rolledBackFrom: z.strictObject({ serial, manifestSha256: hex }).optional(),
});

/**
 * The state of a stream as it is now, without a lock: for `verify`, which changes nothing. Undefined when nothing was applied.
 * Throws `E_USAGE` for a damaged state file: without it rollback protection would silently be off.
 */
export async function readState(stateDir: string, stream: string): Promise<StreamState | undefined> {
  const path = join(stateDir, `${checkName(stream)}.json`);
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    const { rolledBackFrom, ...state } = stateSchema.parse(JSON.parse(text.toString('utf8')));
    return { ...state, ...(rolledBackFrom === undefined ? {} : { rolledBackFrom }) };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof z.ZodError)) throw error;
    throw new AirgapError('E_USAGE', `${path}: damaged; it protects against older bundles and is not ignored`, {
      hint: 'restore the file from a backup, or write it anew from what is known to be applied',
      cause: error,
    });
  }
}

/** Hex digests of all bundle manifests of a stream that were applied here: the bases a differential bundle may have. */
export async function listApplied(stateDir: string, stream: string): Promise<string[]> {
  try {
    return (await readdir(join(stateDir, checkName(stream)))).filter((name) => hex.safeParse(name).success).toSorted();
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw outputError(join(stateDir, stream), error);
    return [];
  }
}

/**
 * Takes the lock of a stream and reads its state. Throws `E_USAGE` when another process holds the lock; that of a process
 * which has ended is taken over. The folder is made with mode 0700.
 */
export async function lockState(stateDir: string, stream: string): Promise<LockedState> {
  checkName(stream);
  await orOutputError(stateDir, mkdir(stateDir, { recursive: true, mode: DIRECTORY_MODE }));
  const lock = join(stateDir, `${stream}.lock`);
  const held = await takeLock(lock, `the state of ${stream}`);
  try {
    const state = await readState(stateDir, stream);
    return {
      state,
      readApplied: (sha256) => readIfThere(join(stateDir, stream, hex.parse(sha256), MANIFEST_PATH)),
      record: (applied) => recordApplied(stateDir, stream, state, applied),
      [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
    };
  } catch (error) {
    await held[Symbol.asyncDispose]();
    throw error;
  }
}

async function recordApplied(
  stateDir: string,
  stream: string,
  before: StreamState | undefined,
  applied: AppliedBundle,
): Promise<void> {
  if (applied.bundle.name !== stream) throw new Error(`a bundle of ${applied.bundle.name} is no bundle of ${stream}`);
  const folder = join(stateDir, stream, hex.parse(applied.manifestSha256));
  await orOutputError(folder, mkdir(folder, { recursive: true, mode: DIRECTORY_MODE }));
  await replaceFile(folder, MANIFEST_PATH, applied.manifest);
  for (const [index, signature] of applied.signatures.entries()) {
    await replaceFile(folder, `${MANIFEST_PATH}.${index + 1}.sigstore.json`, signature);
  }
  await syncDirectory(join(stateDir, stream));
  const state: StreamState = {
    serial: applied.bundle.serial,
    manifestSha256: applied.manifestSha256,
    appliedAt: applied.appliedAt.toISOString(),
    ...(before === undefined || before.serial <= applied.bundle.serial
      ? {}
      : { rolledBackFrom: { serial: before.serial, manifestSha256: before.manifestSha256 } }),
  };
  // Last: a crash before this leaves the old state, and the files above are written again next time.
  await replaceFile(stateDir, `${stream}.json`, Buffer.from(`${JSON.stringify(state)}\n`, 'utf8'));
}

/** Stream names are file names here, so they are checked although the bundle manifest's schema has done it before. */
function checkName(stream: string): string {
  if (!/^[a-z0-9][a-z0-9.-]{0,62}$/.test(stream) || /\.(json|lock)$/.test(stream)) {
    throw new AirgapError('E_USAGE', `${JSON.stringify(stream)} can not be the name of a stream`);
  }
  return stream;
}

function replaceFile(folder: string, name: string, content: Uint8Array): Promise<void> {
  return orOutputError(join(folder, name), writeAndRename(folder, name, content));
}

async function writeAndRename(folder: string, name: string, content: Uint8Array): Promise<void> {
  const temporary = join(folder, `.${name}.new`);
  {
    await using file = await open(temporary, 'w', FILE_MODE);
    await file.writeFile(content);
    await file.sync();
  }
  await rename(temporary, join(folder, name));
  await syncDirectory(folder);
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}
