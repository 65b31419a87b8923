import { canonicalJson } from '../core/canonical-json.ts';
import { AirgapError } from '../core/errors.ts';
import { quoteForeign } from '../core/quote.ts';
import { MAX_MANIFEST_BYTES, pathConflict, pathProblem } from './paths.ts';

export { MANIFEST_PATH, signaturePath } from './paths.ts';

export const MANIFEST_MEDIA_TYPE = 'application/vnd.airgap.bundle.manifest.v1+json';

/** Which bundle this is: its stream, its number in it, and when it was made (`YYYY-MM-DDThh:mm:ssZ`). */
export interface BundleIdentity {
  readonly name: string;
  readonly serial: number;
  readonly createdAt: string;
  readonly expiresAt?: string;
}

/** One file of the bundle. `base: true`: the content comes from the base bundle and is not carried. `size` is bytes. */
export interface BundleFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly base?: true;
}

/** The predecessor a differential bundle builds on. */
export interface BundleBase {
  readonly manifestSha256: string;
  readonly serial: number;
}

/** The signed list of everything in a bundle (signing, section 5). */
export interface BundleManifest {
  readonly mediaType: typeof MANIFEST_MEDIA_TYPE;
  readonly bundle: BundleIdentity;
  readonly base?: BundleBase;
  readonly files: readonly BundleFile[];
}

const MOST_FILES = 1_000_000;
/** Room for the bundle manifest and signatures below 2^53, so that no offset computed from an accepted list is inexact. */
const MOST_TOTAL_BYTES = Number.MAX_SAFE_INTEGER - 2 ** 32;
const HEX = /^[0-9a-f]{64}$/;
const NAME = /^[a-z0-9][a-z0-9.-]{0,62}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/**
 * The bundle manifest of these files, in this order. Throws `E_MANIFEST` for everything a verifier would refuse, so a
 * bundle that could not be read is never begun, and `E_LIMIT` when the list grows beyond what a verifier reads.
 */
export function planManifest(
  identity: BundleIdentity,
  files: readonly BundleFile[],
  base?: BundleBase,
): BundleManifest {
  const manifest: BundleManifest = {
    mediaType: MANIFEST_MEDIA_TYPE,
    bundle: identity,
    ...(base === undefined ? {} : { base }),
    files,
  };
  assertManifest(manifest);
  const size = serializeManifest(manifest).length;
  if (size > MAX_MANIFEST_BYTES) {
    throw new AirgapError('E_LIMIT', `the bundle manifest has ${size} bytes, at most ${MAX_MANIFEST_BYTES} are read`, {
      hint: 'make several bundles with fewer files each',
    });
  }
  return manifest;
}

/** The exact bytes that are signed: RFC 8785, one line, no newline at the end. */
export function serializeManifest(manifest: BundleManifest): Buffer {
  return Buffer.from(canonicalJson(manifest), 'utf8');
}

/**
 * Reads a bundle manifest strictly (signing, section 5): every member known, every path harmless, and the bytes exactly
 * the canonical form of what they say. Throws `E_MANIFEST`. Call only after a signature over the bytes was accepted.
 */
export function parseManifest(bytes: Uint8Array): BundleManifest {
  let document: unknown;
  try {
    // ignoreBOM keeps a byte order mark in the text, where JSON refuses it.
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    throw refuse('is not JSON in UTF-8', error);
  }
  assertManifest(document);
  if (!serializeManifest(document).equals(bytes)) {
    throw refuse('is not in canonical form (white space, repeated or unsorted members, or odd number forms)');
  }
  return document;
}

function assertManifest(document: unknown): asserts document is BundleManifest {
  const manifest = objectWith(document, 'the document', ['bundle', 'files', 'mediaType'], ['base']);
  if (manifest['mediaType'] !== MANIFEST_MEDIA_TYPE) {
    throw refuse(`has the media type ${quoteForeign(String(manifest['mediaType']))}, which this version does not know`);
  }
  const serial = assertIdentity(manifest['bundle']);
  const hasBase = manifest['base'] !== undefined;
  if (hasBase) assertBase(manifest['base'], serial);
  const files = manifest['files'];
  if (!Array.isArray(files)) throw refuse('"files" is not a list');
  if (files.length > MOST_FILES) throw refuse(`lists ${files.length} files, at most ${MOST_FILES} are allowed`);
  assertFiles(files, hasBase);
}

function assertIdentity(value: unknown): number {
  const bundle = objectWith(value, '"bundle"', ['createdAt', 'name', 'serial'], ['expiresAt']);
  const { name, serial, createdAt, expiresAt } = bundle;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw refuse(
      `"bundle.name" ${quoteForeign(String(name))} is not 1 to 63 lower-case letters, digits, dots and dashes`,
    );
  }
  if (!isCount(serial) || serial < 1) throw refuse('"bundle.serial" is not a whole number from 1 on');
  assertTime(createdAt, 'bundle.createdAt');
  if (expiresAt !== undefined) assertTime(expiresAt, 'bundle.expiresAt');
  return serial;
}

function assertBase(value: unknown, serial: number): void {
  const base = objectWith(value, '"base"', ['manifestSha256', 'serial'], []);
  if (!isHex(base['manifestSha256'])) throw refuse('"base.manifestSha256" is not 64 lower-case hex digits');
  const baseSerial = base['serial'];
  if (!isCount(baseSerial) || baseSerial < 1 || baseSerial >= serial) {
    throw refuse('"base.serial" is not a whole number from 1 on below the bundle\'s own serial');
  }
}

function assertFiles(files: readonly unknown[], hasBase: boolean): asserts files is readonly BundleFile[] {
  let total = 0;
  for (const [index, value] of files.entries()) {
    const file = objectWith(value, `"files[${index}]"`, ['path', 'sha256', 'size'], ['base']);
    const { path, sha256, size, base } = file;
    if (typeof path !== 'string') throw refuse(`"files[${index}].path" is not text`);
    if (!isHex(sha256)) throw refuse(`the sha256 of ${quoteForeign(path)} is not 64 lower-case hex digits`);
    if (!isCount(size)) throw refuse(`the size of ${quoteForeign(path)} is not a whole number from 0 to 2^53-1`);
    const problem = pathProblem(path, sha256);
    if (problem !== undefined) throw refuse(`the path ${quoteForeign(path)} ${problem}`);
    if (base !== undefined && (base !== true || !hasBase)) {
      throw refuse(`${quoteForeign(path)} is marked "base" in a way that has no meaning here`);
    }
    total += size + 1024;
  }
  if (total > MOST_TOTAL_BYTES) throw refuse('the sizes of its files add up to more than can be stored');
  const conflict = pathConflict(pathsOf(files as readonly BundleFile[]));
  if (conflict !== undefined) throw refuse(`the path ${quoteForeign(conflict.path)} ${conflict.problem}`);
}

function* pathsOf(files: readonly BundleFile[]): Generator<string> {
  for (const file of files) yield file.path;
}

/**
 * `value` as an object that has all `required` members, perhaps `optional` ones and no other. Own members only:
 * `__proto__` from JSON is an own member like any other, thus an unknown one.
 */
function objectWith(
  value: unknown,
  what: string,
  required: readonly string[],
  optional: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse(`${what} is not an object`);
  for (const name of required) {
    if (!Object.hasOwn(value, name)) throw refuse(`${what} has no member "${name}"`);
  }
  for (const name of Object.keys(value)) {
    if (!required.includes(name) && !optional.includes(name)) {
      throw refuse(`${what} has the unknown member ${quoteForeign(name)}`);
    }
  }
  return value as Readonly<Record<string, unknown>>;
}

function assertTime(value: unknown, member: string): void {
  const isTime = typeof value === 'string' && TIME.test(value) && !Number.isNaN(Date.parse(value));
  if (!isTime || new Date(value).toISOString() !== value.replace('Z', '.000Z')) {
    throw refuse(`"${member}" is not a time of the form YYYY-MM-DDThh:mm:ssZ`);
  }
}

function isHex(value: unknown): value is string {
  return typeof value === 'string' && HEX.test(value);
}

/** A whole number 0…2^53−1; −0 has no canonical form and is none. */
function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}

function refuse(problem: string, cause?: unknown): AirgapError {
  return new AirgapError('E_MANIFEST', `the bundle manifest is not acceptable: ${problem}`, {
    data: { at: 'airgap-manifest.json', offset: 0 },
    ...(cause === undefined ? {} : { cause }),
  });
}
