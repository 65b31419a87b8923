import { createHash, X509Certificate } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CertificateAuthority, TransparencyLogInstance, TrustedRoot } from '@sigstore/protobuf-specs';
import { toTrustMaterial } from '@sigstore/verify';
import { canonicalJson } from '../core/canonical-json.ts';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import { outputError } from './file-system.ts';
import { quoteForeign } from '../core/quote.ts';

/** A trusted root file: who issues certificates and timestamps, and which logs are believed (signing, section 8.1). */
export interface LoadedTrustedRoot {
  readonly root: TrustedRoot;
  /** Hex digest of the file's bytes: what is carried separately and pinned. */
  readonly sha256: string;
  readonly bytes: Buffer;
}

/** One authority or log of a trusted root, as it is shown to people. */
export interface TrustedRootEntry {
  readonly kind: 'certificate authority' | 'timestamp authority' | 'transparency log' | 'certificate log';
  /** Hex: the log's id, or the sha256 of the authority's last (root) certificate. */
  readonly id: string;
  /** Hex sha256 over everything the entry says: two entries that differ in anything differ here. */
  readonly fingerprint: string;
  readonly uri: string;
  /** The subject of the authority's first certificate; empty for logs. */
  readonly subject: string;
  /** RFC 3339, absent where open-ended. */
  readonly validFrom?: string;
  readonly validUntil?: string;
}

/** An entry of which anything changed (a key, an address, a period of validity) is both removed and added. */
export interface TrustedRootDifference {
  readonly added: readonly TrustedRootEntry[];
  readonly removed: readonly TrustedRootEntry[];
}

const EXPORT_AGAIN = 'write it with "airgap trust export" on a connected machine and compare its digest';
const MAX_TRUSTED_ROOT_BYTES = 4 * 1024 * 1024;
/** Every spelling in use: cosign and older tools write the first, newer ones the second. */
const MEDIA_TYPE = /^application\/vnd\.dev\.sigstore\.trustedroot(\+json;version=0\.[12]|\.v0\.[12]\+json)$/;

/**
 * Reads a trusted root file of the verifier's own choice; one found in a bundle is data, never trust.
 * Throws `E_USAGE` when it can not be read or used, or when `sha256` (hex) is given and is not the file's digest.
 */
export async function loadTrustedRoot(path: string, sha256?: string): Promise<LoadedTrustedRoot> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    throw new AirgapError('E_USAGE', `${path}: the trusted root can not be read`, {
      hint: 'check the path and its permissions',
      cause: error,
    });
  }
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== undefined && sha256.toLowerCase() !== actual) {
    throw new AirgapError(
      'E_USAGE',
      `${path}: the trusted root has sha256 ${actual}, expected ${quoteForeign(sha256)}`,
      {
        hint: 'get the file again, or the digest from whoever exported it',
      },
    );
  }
  return { root: parseTrustedRoot(bytes, path), sha256: actual, bytes };
}

/** A trusted root from its file's bytes. Throws `E_USAGE` when it is none, or when a certificate or key in it is malformed. */
export function parseTrustedRoot(bytes: Uint8Array, origin: string): TrustedRoot {
  if (bytes.byteLength > MAX_TRUSTED_ROOT_BYTES)
    throw new AirgapError('E_USAGE', `${origin}: too large for a trusted root`, { hint: EXPORT_AGAIN });
  let root: TrustedRoot;
  try {
    root = TrustedRoot.fromJSON(JSON.parse(Buffer.from(bytes).toString('utf8')));
    // Reads every certificate and key, so that a damaged file fails here and not as a refused signature.
    toTrustMaterial(root);
  } catch (error) {
    // Certificates and keys fail with errors of several classes; here all of them mean a damaged file.
    if (!(error instanceof Error)) throw error;
    throw new AirgapError('E_USAGE', `${origin}: not a usable trusted root`, { hint: EXPORT_AGAIN, cause: error });
  }
  if (!MEDIA_TYPE.test(root.mediaType)) {
    throw new AirgapError(
      'E_USAGE',
      `${origin}: not a trusted root: its media type is ${quoteForeign(root.mediaType)}`,
      { hint: EXPORT_AGAIN },
    );
  }
  return root;
}

/** The authorities and logs of a trusted root, sorted by kind and id. */
export function listTrustedRoot(root: TrustedRoot): TrustedRootEntry[] {
  return [
    ...root.certificateAuthorities.map((authority) => authorityEntry('certificate authority', authority)),
    ...root.timestampAuthorities.map((authority) => authorityEntry('timestamp authority', authority)),
    ...root.tlogs.map((log) => logEntry('transparency log', log)),
    ...root.ctlogs.map((log) => logEntry('certificate log', log)),
  ].toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
}

/** What would change if `next` took the place of `current`. */
export function compareTrustedRoots(current: TrustedRoot, next: TrustedRoot): TrustedRootDifference {
  const before = listTrustedRoot(current);
  const after = listTrustedRoot(next);
  const without = (entries: readonly TrustedRootEntry[], others: readonly TrustedRootEntry[]): TrustedRootEntry[] =>
    entries.filter((entry) => !others.some((other) => sortKey(other) === sortKey(entry)));
  return { added: without(after, before), removed: without(before, after) };
}

/** Puts the bytes of a trusted root at `path`, replacing what is there in one step. The caller has shown the difference. */
export async function saveTrustedRoot(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.partial-${process.pid}`;
  try {
    {
      await using file = await open(temporary, 'wx', 0o644);
      await file.writeFile(bytes);
      await file.sync();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw outputError(path, error);
  }
  await using directory = await open(dirname(path), 'r');
  await directory.sync();
}

/**
 * The current public trusted root, fetched and checked by TUF. Connected machines only: this is the one function here that
 * uses the network, and it loads the TUF client only when called.
 */
export async function fetchTrustedRoot(options: { readonly cacheDir?: string } = {}): Promise<LoadedTrustedRoot> {
  const { getPublicTrustedRoot } = await import('./trusted-root-fetch.ts');
  const root = await getPublicTrustedRoot(options);
  const bytes = Buffer.from(`${JSON.stringify(TrustedRoot.toJSON(root), undefined, 2)}\n`, 'utf8');
  return { root, sha256: createHash('sha256').update(bytes).digest('hex'), bytes };
}

function sortKey(entry: TrustedRootEntry): string {
  return `${entry.kind} ${entry.id} ${entry.fingerprint}`;
}

function authorityEntry(kind: TrustedRootEntry['kind'], authority: CertificateAuthority): TrustedRootEntry {
  const certificates = authority.certChain?.certificates ?? [];
  const [first] = certificates;
  const last = certificates.at(-1);
  return {
    kind,
    id: createHash('sha256')
      .update(last?.rawBytes ?? '')
      .digest('hex'),
    fingerprint: fingerprint(CertificateAuthority.toJSON(authority)),
    uri: authority.uri,
    subject: first === undefined ? '' : new X509Certificate(first.rawBytes).subject.replaceAll('\n', ', '),
    ...period(authority.validFor),
  };
}

function logEntry(kind: TrustedRootEntry['kind'], log: TransparencyLogInstance): TrustedRootEntry {
  return {
    kind,
    id: (log.checkpointKeyId ?? log.logId)?.keyId.toString('hex') ?? '',
    fingerprint: fingerprint(TransparencyLogInstance.toJSON(log)),
    uri: log.baseUrl,
    subject: '',
    ...period(log.publicKey?.validFor),
  };
}

function fingerprint(entry: unknown): string {
  return createHash('sha256').update(canonicalJson(entry)).digest('hex');
}

function period(
  validFor: { start?: Date | undefined; end?: Date | undefined } | undefined,
): Pick<TrustedRootEntry, 'validFrom' | 'validUntil'> {
  return {
    ...(validFor?.start === undefined ? {} : { validFrom: validFor.start.toISOString() }),
    ...(validFor?.end === undefined ? {} : { validUntil: validFor.end.toISOString() }),
  };
}
