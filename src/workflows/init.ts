import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readAsset } from '../core/assets.ts';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import { draftImageSet, type DraftAnswers } from '../mirror/image-set-draft.ts';
import { unwritable, writeOutputFile } from './output-path.ts';

/** Beside the configuration, so that editors find it without network. */
const SCHEMA_NAME = 'imageset.schema.json';

export interface InitResult {
  readonly ok: true;
  /** The configuration. */
  readonly path: string;
  /** Its JSON Schema, for editors. */
  readonly schema: string;
}

/**
 * Writes a commented configuration that `plan` accepts as it is, and its schema beside it. Throws `E_USAGE` for answers that
 * can not be, and when the file exists: nothing is ever overwritten.
 */
export async function initImageSet(answers: DraftAnswers, path: string): Promise<InitResult> {
  const text = draftImageSet(answers, `./${SCHEMA_NAME}`);
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    throw systemCodeOf(error) === 'EEXIST' ? existsError(path) : unwritable(`--output ${path}`, error);
  }
  const schema = join(dirname(path), SCHEMA_NAME);
  if (!existsSync(schema)) {
    await writeOutputFile(schema, readAsset(`schemas/${SCHEMA_NAME}`), {
      flag: 'the schema beside --output:',
      isNew: true,
    });
  }
  return { ok: true, path, schema };
}

/** Throws `E_USAGE` when the file exists; to be asked before the user is. */
export function assertNew(path: string): void {
  if (existsSync(path)) throw existsError(path);
}

function existsError(path: string): AirgapError {
  return new AirgapError('E_USAGE', `${path} exists and is not overwritten`, {
    hint: 'choose another name with -o, or remove it',
  });
}
