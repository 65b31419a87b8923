import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { canonicalJson } from '../core/canonical-json.ts';
import type { BundleIdentity } from './manifest.ts';
import type { Piece } from './pieces.ts';
import { STATEMENT_TYPE } from './statement.ts';

export const VOLUMES_PREDICATE_TYPE = 'urn:airgap:attestation:volumes:v1';
const READ_BYTES = 1024 * 1024;

/** One slice of a bundle. */
export interface Volume {
  readonly path: string;
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/** All slices, each with its digest, and the digest of the bundle as one stream. */
export interface HashedVolumes {
  readonly volumes: readonly Volume[];
  readonly totalSize: number;
  readonly wholeSha256: string;
}

/** What the index says beside the volumes. */
export interface VolumeSubject {
  readonly identity: BundleIdentity;
  readonly manifestSha256: string;
  readonly volumeSize: number;
}

/** Names of the files beside the volumes of `X.tar` (signing, section 10). */
export function indexPathsOf(finalPath: string): { readonly index: string; readonly sums: string } {
  const stem = finalPath.replace(/\.tar$/, '');
  return { index: `${stem}.volumes.sigstore.json`, sums: `${stem}.SHA256SUMS` };
}

/** Reads all volumes once, in order, under their unfinished names. `onBytes` is called for each piece read. */
export async function hashVolumes(
  pieces: readonly Pick<Piece, 'path' | 'finalPath'>[],
  options: { readonly signal: AbortSignal; readonly onBytes: (bytes: number) => void },
): Promise<HashedVolumes> {
  const whole = createHash('sha256');
  const volumes: Volume[] = [];
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  for (const { path, finalPath } of pieces) {
    const hash = createHash('sha256');
    let size = 0;
    await using file = await open(path, 'r');
    for (;;) {
      options.signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) break;
      const piece = buffer.subarray(0, bytesRead);
      hash.update(piece);
      whole.update(piece);
      size += bytesRead;
      options.onBytes(bytesRead);
    }
    volumes.push({ path: finalPath, size, sha256: hash.digest('hex') });
  }
  const totalSize = volumes.reduce((sum, { size }) => sum + size, 0);
  return { volumes, totalSize, wholeSha256: whole.digest('hex') };
}

/**
 * The bytes that are signed as the index of volumes (signing, section 10): one subject per volume, so that each medium can be
 * checked alone. A convenience for people; whether a bundle is accepted never depends on it.
 */
export function volumeStatement(hashed: HashedVolumes, subject: VolumeSubject): Buffer {
  const { name, serial, createdAt, expiresAt } = subject.identity;
  const statement = {
    _type: STATEMENT_TYPE,
    predicate: {
      bundle: { name, serial, createdAt, expiresAt },
      manifestSha256: subject.manifestSha256,
      totalSize: hashed.totalSize,
      volumeSize: subject.volumeSize,
      wholeSha256: hashed.wholeSha256,
    },
    predicateType: VOLUMES_PREDICATE_TYPE,
    subject: hashed.volumes.map(({ path, sha256 }) => ({ digest: { sha256 }, name: basename(path) })),
  };
  return Buffer.from(canonicalJson(statement), 'utf8');
}

/** The same for `sha256sum -c`, unsigned. */
export function formatSums({ volumes }: HashedVolumes): string {
  return volumes.map(({ path, sha256 }) => `${sha256}  ${basename(path)}\n`).join('');
}

/** The digests of a list of checksums by file name; lines of another form are passed over. */
export function readSums(text: string): Map<string, string> {
  const lines = text.split('\n').flatMap((line) => {
    const match = /^([0-9a-f]{64}) [ *]([A-Za-z0-9._+@=-]+)$/.exec(line);
    return match === null ? [] : [[match[2]!, match[1]!] as const];
  });
  return new Map(lines);
}
