/**
 * Builders for bundles, honest and hostile. A bundle is built as a list of pieces, so that a test can change one piece
 * and leave manifest and signature genuine.
 */
import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { AirgapError } from '../../src/core/errors.ts';
import type { ProgressEvent } from '../../src/core/events.ts';
import { verifyBundle, type VerifyOptions } from '../../src/bundle/checks.ts';
import { headerOf, paddedSize } from '../../src/bundle/layout.ts';
import {
  MANIFEST_MEDIA_TYPE,
  MANIFEST_PATH,
  serializeManifest,
  signaturePath,
  type BundleBase,
  type BundleIdentity,
  type BundleManifest,
} from '../../src/bundle/manifest.ts';
import type { AcceptSignatures } from '../../src/bundle/preamble.ts';

export interface TestFile {
  readonly path: string;
  readonly content: Buffer;
  readonly base?: true;
}

/** One tar entry as it will be written; every part can be replaced by something hostile. */
export interface TestEntry {
  readonly header: Buffer;
  readonly content: Buffer;
  readonly padding: Buffer;
}

export interface TestBundle {
  readonly manifest: BundleManifest;
  readonly manifestBytes: Buffer;
  readonly signatures: readonly Buffer[];
  /** Manifest, signatures, files; concatenate with `end` for the whole. */
  readonly entries: readonly TestEntry[];
  readonly end: Buffer;
}

/** Makes the signatures of a bundle manifest. The default one is no cryptography: what `acceptTestSignature` takes. */
export type SignManifest = (manifest: Buffer, identity: BundleIdentity) => readonly Buffer[];

export const TEST_IDENTITY: BundleIdentity = { name: 'ocp-prod', serial: 7, createdAt: '2026-11-22T16:00:00Z' };

export interface BuildOptions {
  readonly identity?: BundleIdentity;
  readonly base?: BundleBase;
  readonly sign?: SignManifest;
  /** The exact bytes in place of the honest bundle manifest. */
  readonly manifestBytes?: Buffer;
}

export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A blob file under its own digest. */
export function blob(content: Buffer | string): TestFile {
  const bytes = Buffer.from(content as string);
  return { path: `blobs/sha256/${sha256(bytes)}`, content: bytes };
}

export function file(path: string, content: Buffer | string): TestFile {
  return { path, content: Buffer.from(content as string) };
}

/** Reproducible bytes that do not compress and differ per seed. */
export function noise(size: number, seed: string): Buffer {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** A bundle of these files, accepted by `acceptTestSignature` unless `sign` is given. */
export function buildBundle(files: readonly TestFile[], options: BuildOptions = {}): TestBundle {
  const identity = options.identity ?? TEST_IDENTITY;
  const manifest: BundleManifest = {
    mediaType: MANIFEST_MEDIA_TYPE,
    bundle: identity,
    ...(options.base === undefined ? {} : { base: options.base }),
    files: files.map(({ path, content, base }) => ({
      path,
      size: content.length,
      sha256: sha256(content),
      ...(base === undefined ? {} : { base }),
    })),
  };
  const manifestBytes = options.manifestBytes ?? serializeManifest(manifest);
  const signatures = (options.sign ?? signForTest)(manifestBytes, identity);
  const entries = [
    entry(MANIFEST_PATH, manifestBytes),
    ...signatures.map((signature, index) => entry(signaturePath(index + 1), signature)),
    ...files.filter(({ base }) => base === undefined).map(({ path, content }) => entry(path, content)),
  ];
  return { manifest, manifestBytes, signatures, entries, end: Buffer.alloc(1024) };
}

/** A canonical tar entry. */
export function entry(path: string, content: Buffer): TestEntry {
  return {
    header: headerOf(path, content.length),
    content,
    padding: Buffer.alloc(paddedSize(content.length) - content.length),
  };
}

/** The same entry with some header bytes replaced and the checksum made right again, as a real tar writer would. */
export function withHeader(original: TestEntry, changes: Readonly<Record<number, string>>): TestEntry {
  const header = Buffer.from(original.header);
  for (const [offset, text] of Object.entries(changes)) header.write(text, Number(offset), 'latin1');
  if (changes[148] === undefined) {
    header.fill(' ', 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return { ...original, header };
}

/** Bytes of a list of entries. */
export function bytesOf(entries: readonly TestEntry[]): Buffer {
  return Buffer.concat(entries.flatMap(({ header, content, padding }) => [header, content, padding]));
}

/** The whole archive, perhaps with other entries or another end than built. */
export function archive(bundle: TestBundle, changes: Partial<Pick<TestBundle, 'entries' | 'end'>> = {}): Buffer {
  return Buffer.concat([bytesOf(changes.entries ?? bundle.entries), changes.end ?? bundle.end]);
}

/** Stands for a signature where signatures are not what is tested: the digest and the identity, in the clear. */
export const signForTest: SignManifest = (manifest, identity) => [
  Buffer.from(JSON.stringify({ identity: canonicalJson(identity), sha256: sha256(manifest) })),
];

/** Accepts what `signForTest` made for exactly this bundle manifest. */
export const acceptTestSignature: AcceptSignatures = (manifest, signatures) => {
  for (const signature of signatures) {
    const claim = JSON.parse(Buffer.from(signature).toString('utf8')) as { identity: string; sha256: string };
    if (claim.sha256 === sha256(manifest)) {
      return { bundle: JSON.parse(claim.identity) as BundleIdentity, signers: ['test'] };
    }
  }
  throw new AirgapError('E_SIGNATURE', 'no accepted signature');
};

/** A folder that is gone after the test. */
export function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-bundle-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes `content` to a file of its own. */
export function temporaryFile(test: TestContext, content: Uint8Array, name = 'bundle.tar'): string {
  const path = join(temporaryFolder(test), name);
  writeFileSync(path, content);
  return path;
}

/** A run context that collects events. */
export function collectingContext(): {
  signal: AbortSignal;
  report: (event: ProgressEvent) => void;
  events: ProgressEvent[];
} {
  const events: ProgressEvent[] = [];
  return { signal: new AbortController().signal, report: (event) => events.push(event), events };
}

/** Matcher for `assert.rejects` and `assert.throws`: an AirgapError of this code. */
export function withCode(code: string): (error: unknown) => boolean {
  return (error) => {
    if (error instanceof AirgapError && error.code === code) return true;
    throw error;
  };
}

export interface RefusalOptions {
  readonly accept?: AcceptSignatures;
  readonly verify?: Partial<VerifyOptions>;
}

/**
 * Asserts that these bytes are refused with this code, from a file and from a pipe alike, and returns the error of the
 * file. Nothing may appear beside the file.
 */
export async function assertRefused(
  test: TestContext,
  bytes: Uint8Array,
  code: string,
  options: RefusalOptions = {},
): Promise<AirgapError> {
  const verify: VerifyOptions = { ...collectingContext(), accept: acceptTestSignature, ...options.verify };
  const path = temporaryFile(test, bytes);
  const fromFile = await refusalOf(verifyBundle({ paths: [path] }, verify));
  // Odd pieces, so that every border is crossed somewhere.
  const fromPipe = await refusalOf(verifyBundle({ stream: piecesOf(bytes, 333) }, verify));
  assert.equal(fromFile.code, code, fromFile.message);
  assert.equal(fromPipe.code, code, fromPipe.message);
  assert.deepEqual(fromPipe.data, fromFile.data);
  assert.equal(typeof fromFile.data?.['at'], 'string');
  assert.equal(typeof fromFile.data?.['offset'], 'number');
  assert.deepEqual(readdirSync(dirname(path)), ['bundle.tar']);
  return fromFile;
}

export async function refusalOf(verification: Promise<unknown>): Promise<AirgapError> {
  try {
    await verification;
  } catch (error) {
    if (error instanceof AirgapError) return error;
    throw error;
  }
  assert.fail('the bundle was accepted');
}

/** The bytes as a stream of small pieces. */
export async function* piecesOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
