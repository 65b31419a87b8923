import { existsSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { readAsset } from '../core/assets.ts';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import { draftImageSet, type DraftAnswers } from '../mirror/image-set-draft.ts';
import { unwritable } from './output-path.ts';
import { draftSite, type SiteAnswers } from './site-draft.ts';

/** JSON Schemas, beside the files they describe, so that editors find them without network. */
const IMAGE_SET_SCHEMA = 'imageset.schema.json';
const SITE_SCHEMA = 'site.schema.json';

export interface InitPaths {
  /** Of the ImageSetConfiguration. */
  readonly output: string;
  /** Of the site file; absent: none is wanted. */
  readonly site?: string | undefined;
}

export interface InitAnswers {
  readonly imageSet: DraftAnswers;
  /** Present when a site file is wanted. */
  readonly site?: SiteAnswers | undefined;
}

export interface InitResult {
  readonly ok: true;
  /** The configuration. */
  readonly path: string;
  /** Its JSON Schema, for editors. */
  readonly schema: string;
  /** The site file and its schema. */
  readonly site?: { readonly path: string; readonly schema: string };
}

interface NewFile {
  readonly path: string;
  readonly text: string;
  /** The flag that names it. */
  readonly flag: string;
}

/**
 * Writes a commented configuration and site file that every command accepts as they are, each with its schema beside it. Throws
 * `E_USAGE` for answers that can not be, and when one of the two exists: nothing is ever overwritten, and all files are written
 * or none.
 */
export async function initFiles(answers: InitAnswers, paths: InitPaths): Promise<InitResult> {
  const { output, site: sitePath } = paths;
  const configuration = draftImageSet(answers.imageSet, `./${IMAGE_SET_SCHEMA}`);
  const files: NewFile[] = [{ path: output, text: configuration, flag: '--output' }];
  const schema = join(dirname(output), IMAGE_SET_SCHEMA);
  const schemas = [{ path: schema, name: IMAGE_SET_SCHEMA, flag: '--output' }];
  if (sitePath !== undefined && answers.site !== undefined) {
    const text = draftSite(answers.site, answers.imageSet, `./${SITE_SCHEMA}`);
    files.push({ path: sitePath, text, flag: '--site' });
    schemas.push({ path: join(dirname(sitePath), SITE_SCHEMA), name: SITE_SCHEMA, flag: '--site' });
  }
  for (const { path, name, flag } of schemas) {
    if (!existsSync(path)) files.push({ path, text: readAsset(`schemas/${name}`), flag });
  }
  await writeNewFiles(files);
  const siteSchema = schemas[1]?.path;
  return {
    ok: true,
    path: output,
    schema,
    ...(sitePath === undefined || siteSchema === undefined ? {} : { site: { path: sitePath, schema: siteSchema } }),
  };
}

/** Where the site file goes unless told otherwise. */
export function defaultSitePath(output: string): string {
  return join(dirname(output), 'site.yaml');
}

/** Throws `E_USAGE` when a file exists, or both are the same one; to be asked before the user is. */
export function assertNew({ output, site }: InitPaths): void {
  if (existsSync(output)) throw existsError(output, '--output');
  if (site === undefined) return;
  if (existsSync(site)) throw existsError(site, '--site');
  if (resolve(output) === resolve(site)) {
    throw new AirgapError('E_USAGE', `--output and --site both name ${output}`, {
      hint: 'give each file its own name',
    });
  }
}

/** All of them, or none when one can not be written. */
async function writeNewFiles(files: readonly NewFile[]): Promise<void> {
  const made: string[] = [];
  try {
    for (const file of files) await writeNewFile(file, () => made.push(file.path));
  } catch (error) {
    for (const path of made) await rm(path, { force: true });
    throw error;
  }
}

async function writeNewFile({ path, text, flag }: NewFile, onMade: () => void): Promise<void> {
  try {
    const file = await open(path, 'wx');
    onMade();
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw systemCodeOf(error) === 'EEXIST' ? existsError(path, flag) : unwritable(`${flag} ${path}`, error);
  }
}

function existsError(path: string, flag: string): AirgapError {
  const also = flag === '--site' ? ', or leave the site file out with --no-site' : '';
  return new AirgapError('E_USAGE', `${path} exists and is not overwritten`, {
    hint: `choose another name with ${flag}, or remove it${also}`,
  });
}
