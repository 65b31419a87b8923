import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { outputError } from '../../bundle/file-system.ts';
import { takeLock } from '../../bundle/lock-file.ts';
import type { BundleReader } from '../../bundle/reader.ts';
import { formatBytes } from '../../core/bytes.ts';
import { AirgapError, systemCodeOf, systemProblem } from '../../core/errors.ts';
import type { RunContext } from '../../core/events.ts';
import type { PlanFile } from '../../mirror/plan-file.ts';
import type { RegistryOptions } from '../../registry/options.ts';
import { writeOutputFile } from '../output-path.ts';
import { targetBase, type PushTarget } from '../push-target.ts';
import { stage } from '../stage.ts';
import { failureOf } from './failure.ts';
import { createSaidReader } from './output.ts';
import { findOcMirror, type OcMirror } from './program.ts';
import { assertRoom } from './room.ts';
import { acceptedPath, runOcMirror, type OcMirrorOptions } from './run.ts';

/** How the user wants the vendor's program to be run on the far side. */
export interface DiskToMirrorOptions extends OcMirrorOptions {
  /** Folder for archive and cache; absent: beside the bundle. */
  readonly workDir?: string;
}

/** An open, verified bundle that another engine mirrored. */
interface EngineBundle {
  readonly reader: BundleReader;
  readonly plan: PlanFile;
  readonly engine: NonNullable<PlanFile['engine']>;
}

/**
 * Brings the archive in a bundle to the target registry by the vendor's program. Its files are written to a folder first, each
 * hashed on the way; a run that was stopped or failed keeps them and the cache. `isThere` looks whether every image is on the
 * target: nothing is done when it is, and it must be so afterwards; then the folder goes. Throws `E_USAGE` without the program,
 * `E_SPACE` without room, `E_FAILED` with what the program says.
 */
export async function mirrorFromDisk(
  bundle: EngineBundle,
  options: {
    readonly run: DiskToMirrorOptions;
    readonly paths: readonly string[];
    readonly target: PushTarget;
    readonly registry: RegistryOptions;
    readonly isThere: () => Promise<boolean>;
  },
  ctx: RunContext,
): Promise<{ readonly wasThere: boolean }> {
  if (await options.isThere()) return { wasThere: true };
  const folder = options.run.workDir ?? workFolderOf(options.paths);
  const work = acceptedPath(folder);
  const oc = await findOcMirror(options.run.program, ctx);
  await makeFolder(folder);
  await using _lock = await takeLock(join(folder, 'lock'), folder);
  await stage('extract', ctx, async () => {
    const bytes = await extract(bundle, work, ctx);
    return { result: undefined, detail: `${bundle.engine.archive.length} files of oc-mirror, ${formatBytes(bytes)}` };
  });
  await stage('oc-mirror', ctx, async () => {
    const images = await run(bundle, { ...options, oc, work }, ctx);
    return { result: undefined, detail: `${images} images` };
  });
  return { wasThere: false };
}

/** Takes away what {@link mirrorFromDisk} keeps for a further run, all but a folder the user named. */
export async function removeWork({ workDir }: DiskToMirrorOptions, paths: readonly string[]): Promise<void> {
  const folder = workDir ?? workFolderOf(paths);
  if (workDir === undefined) return rm(folder, { recursive: true, force: true });
  await Promise.all(OURS.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

const DISK = 'disk';
const CACHE = 'cache';
const CONFIG = 'imageset.yaml';
const CA_FILE = 'ca.pem';
const OURS = [DISK, CACHE, CONFIG, CA_FILE] as const;

/** `trip.tar.oc-mirror` for `trip.tar` and for `trip.tar.001`. */
function workFolderOf(paths: readonly string[]): string {
  return `${(paths[0] ?? '').replace(/\.\d{3}$/, '')}.oc-mirror`;
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(join(folder, DISK), { recursive: true });
    await mkdir(join(folder, CACHE), { recursive: true });
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_USAGE', `${folder} can not be made: ${systemProblem(code, 'folder')}`, {
      hint: 'oc-mirror needs room for its archive and its cache: name a folder with --work-dir DIR',
      cause: error,
    });
  }
}

/** Writes the archive and the configuration; a file that is there as it must be stays. */
async function extract({ reader, engine }: EngineBundle, work: string, ctx: RunContext): Promise<number> {
  const chunks = engine.archive.map((path) => {
    const file = reader.find(path);
    if (file === undefined) {
      throw new AirgapError('E_MANIFEST', `plan.json names ${path}, the bundle does not have it`, {
        hint: 'ask the sender to pack the bundle again',
      });
    }
    return { path, to: join(work, DISK, basename(path)), size: file.size, sha256: file.sha256 };
  });
  await removeOthers(join(work, DISK), new Set(chunks.map(({ to }) => basename(to))));
  const bytes = chunks.reduce((sum, { size }) => sum + size, 0);
  ctx.report({ type: 'total', images: 0, blobs: chunks.length, bytes });
  const open: typeof chunks = [];
  for (const chunk of chunks) {
    const isThere = await hasContent(chunk.to, chunk, ctx.signal);
    if (isThere) ctx.report({ type: 'skipped', digest: `sha256:${chunk.sha256}`, size: chunk.size, reason: 'kept' });
    else open.push(chunk);
  }
  // What is not there yet, and once more all of it in the cache the program unpacks it to.
  const needed = open.reduce((sum, { size }) => sum + size, 0) + bytes;
  await assertRoom(join(work, DISK), needed, 'name another folder with --work-dir DIR');
  for (const { path, to, size, sha256 } of open) {
    const partial = `${to}.partial`;
    const counted = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const piece of source) {
        ctx.report({ type: 'blob', digest: `sha256:${sha256}`, size, bytes: piece.length, done: false });
        yield piece;
      }
    };
    try {
      await rm(partial, { force: true });
      // The reader hashes: a file that differs never gets its name.
      await pipeline(
        reader.openFile(path, { signal: ctx.signal }),
        counted,
        createWriteStream(partial, { flags: 'wx', highWaterMark: 1024 * 1024 }),
        { signal: ctx.signal },
      );
      await rename(partial, to);
    } catch (error) {
      throw outputError(to, error);
    }
  }
  await writeOutputFile(join(work, CONFIG), await reader.readFile(engine.config), { flag: '--work-dir' });
  return bytes;
}

/**
 * The program takes every archive it finds, and its own working directory: only what was verified may be there, nothing of
 * another bundle.
 */
async function removeOthers(disk: string, expected: ReadonlySet<string>): Promise<void> {
  const others = (await readdir(disk)).filter((name) => !expected.has(name));
  await Promise.all(others.map((name) => rm(join(disk, name), { recursive: true, force: true })));
}

async function hasContent(
  path: string,
  { size, sha256 }: { readonly size: number; readonly sha256: string },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    if ((await stat(path)).size !== size) return false;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return false;
    throw error;
  }
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { signal })) hash.update(piece as Buffer);
  return hash.digest('hex') === sha256;
}

async function run(
  { plan }: EngineBundle,
  options: {
    readonly run: DiskToMirrorOptions;
    readonly target: PushTarget;
    readonly registry: RegistryOptions;
    readonly oc: OcMirror;
    readonly work: string;
  },
  ctx: RunContext,
): Promise<number> {
  const { oc, work, target, registry } = options;
  const disk = join(work, DISK);
  const images = new Map(plan.images.map((image) => [image.origin, image]));
  const totalBytes = [...images.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const startedAt = Date.now();
  const { said, onLine } = createSaidReader({
    report: ctx.report,
    sizeOf: (origin) => images.get(origin),
    totalBytes,
  });
  const isInsecure = registry.insecure?.includes(target.registry) === true;
  const nested = target.maxNestedPaths ?? 0;
  const end = await runOcMirror(
    {
      ...{ oc, options: options.run, registry, onLine },
      cacheDir: resolve(work, CACHE),
      caFile: join(work, CA_FILE),
      args: [
        ...['--config', join(work, CONFIG), '--from', `file://${disk}`],
        ...(isInsecure ? ['--dest-tls-verify=false'] : []),
        ...(nested === 0 ? [] : ['--max-nested-paths', String(nested)]),
        `docker://${targetBase(target)}`,
      ],
    },
    ctx,
  );
  const failure = await failureOf({
    ...{ end, said, startedAt, workingDir: join(disk, 'working-dir') },
    hint: `its files are kept in ${dirname(disk)}: run the same command again to go on`,
  });
  if (failure !== undefined) throw failure;
  return said.copied;
}
