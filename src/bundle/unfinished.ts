import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { isAirgapError } from '../core/errors.ts';
import { journalPath, readJournal } from './journal.ts';
import { claimsFor } from './writer.ts';
import { planLayout, type BundleLayout } from './layout.ts';
import { parseManifest, type BundleManifest } from './manifest.ts';
import { orderedVolumes } from './ordered-input.ts';
import { headBytes } from './ordered-output.ts';
import { readPreamble } from './preamble.ts';
import { openVolumes } from './volumes.ts';

/** What an interrupted run left: enough to make the same bundle again without a new signature. */
export interface UnfinishedBundle {
  readonly manifest: BundleManifest;
  readonly manifestBytes: Buffer;
  readonly signatures: readonly Buffer[];
  readonly layout: BundleLayout;
  /** Layout indexes of bodies that are there as a whole. */
  readonly complete: ReadonlySet<number>;
  /** Layout index → bytes that are there, for bodies not complete. */
  readonly progress: ReadonlyMap<number, number>;
}

/**
 * Reads `X.tar.partial` and its journal. Undefined when there is nothing to continue: no file, no journal, or one that
 * does not belong to the other. Our own file, so nothing here is trusted more than it is compared.
 */
export async function readUnfinished(partialPath: string): Promise<UnfinishedBundle | undefined> {
  const journal = readJournal(journalPath(partialPath));
  if (journal === undefined || statSync(partialPath, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  const volumes = openVolumes([partialPath]);
  try {
    const { manifestBytes, signatures } = await readPreamble(orderedVolumes(volumes));
    const manifest = parseManifest(manifestBytes);
    const layout = planLayout(manifestBytes, signatures, manifest);
    const head = headBytes({ manifestBytes, signatures, layout });
    const { subject } = journal;
    const isSame =
      subject.headSha256 === createHash('sha256').update(head).digest('hex') && subject.size === layout.size;
    if (!isSame || (subject.mode === 'sparse' && volumes.size !== layout.size)) return undefined;
    return { manifest, manifestBytes, signatures, layout, ...claimsFor(layout, journal) };
  } catch (error) {
    if (!isAirgapError(error, 'E_LAYOUT', 'E_LIMIT', 'E_TRUNCATED', 'E_MANIFEST')) throw error;
    return undefined;
  } finally {
    volumes.close();
  }
}
