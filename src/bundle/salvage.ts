import { statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { removeOutput } from './file-system.ts';
import { journalPath } from './journal.ts';
import type { LayoutEntry } from './layout.ts';
import { partialPathOf } from './pieces.ts';
import type { UnfinishedBundle } from './unfinished.ts';
import { openVolumes } from './volumes.ts';

/** Bodies an interrupted run completed, for a run that makes another bundle (a tag moved, the configuration changed). */
export interface Salvage {
  has(sha256: string): boolean;
  /** The bytes as they are in the file; the caller hashes them. */
  open(sha256: string): AsyncIterable<Uint8Array>;
  close(): void;
}

const READ_BYTES = 1024 * 1024;

/**
 * Keeps the complete bodies of an unfinished bundle readable while its names are given up to a new one. They take room until
 * `close`, so nothing is kept (undefined) where `neededBytes` would not fit beside them; then everything is fetched anew.
 */
export function salvageUnfinished(
  finalPath: string,
  unfinished: UnfinishedBundle,
  neededBytes: number,
): Salvage | undefined {
  const { bavail, bsize } = statfsSync(dirname(resolve(finalPath)));
  const entries = new Map<string, LayoutEntry>();
  for (const index of unfinished.complete) {
    const entry = unfinished.layout.entries[index]!;
    entries.set(entry.sha256, entry);
  }
  if (entries.size === 0 || bavail * bsize < neededBytes) return undefined;
  // An open file stays readable after its name is gone.
  const volumes = openVolumes(unfinished.paths);
  removeOutput(journalPath(partialPathOf(finalPath)));
  for (const path of unfinished.paths) removeOutput(path);

  async function* read({ bodyAt, size }: LayoutEntry): AsyncGenerator<Uint8Array> {
    for (let done = 0; done < size;) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, size - done));
      const count = await volumes.read(buffer, bodyAt + done);
      if (count === 0) return;
      done += count;
      yield buffer.subarray(0, count);
    }
  }

  return {
    has: (sha256) => entries.has(sha256),
    open: (sha256) => read(entries.get(sha256)!),
    close: () => volumes.close(),
  };
}
