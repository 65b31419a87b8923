import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseManifest, type BundleIdentity } from '../bundle/manifest.ts';
import { MANIFEST_PATH } from '../bundle/paths.ts';
import { statementFor } from '../bundle/statement.ts';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import { makeOutputFolder, writeOutputFile } from './output-path.ts';

/** A bundle manifest that was planned to be signed by a token, a key service, or another person. */
export interface SigningPlan {
  readonly identity: BundleIdentity;
  /** Its exact bytes. */
  readonly manifest: Buffer;
  readonly origin: string;
}

const STATEMENT_FILE = 'statement.json';

/**
 * Writes the bundle manifest and the statement to sign into a folder, byte for byte as they will be signed (signing,
 * "KMS, PKCS#11, tokens"). Returns both paths. Throws `E_USAGE` when they can not be written.
 */
export async function writeSigningPlan(folder: string, manifest: Buffer, identity: BundleIdentity): Promise<string[]> {
  const paths = [join(folder, MANIFEST_PATH), join(folder, STATEMENT_FILE)] as const;
  makeOutputFolder(folder, '--plan');
  await writeOutputFile(paths[0], manifest, { flag: '--plan' });
  await writeOutputFile(paths[1], statementFor(manifest, identity), { flag: '--plan' });
  return [...paths];
}

/** Reads it again. Throws `E_USAGE` when there is none, `E_MANIFEST` when it was changed by hand. */
export async function readSigningPlan(folder: string): Promise<SigningPlan> {
  const path = join(folder, MANIFEST_PATH);
  try {
    const manifest = await readFile(path);
    return { manifest, identity: parseManifest(manifest).bundle, origin: path };
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_USAGE', `${path} can not be read: ${systemProblem(code)}`, {
      hint: 'give the folder that pack --plan wrote',
      cause: error,
    });
  }
}
