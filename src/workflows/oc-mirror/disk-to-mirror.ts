import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { outputError } from '../../bundle/file-system.ts';
import { takeLock } from '../../bundle/lock-file.ts';
import type { BundleReader } from '../../bundle/reader.ts';
import { formatBytes } from '../../core/bytes.ts';
import { AirgapError, isAirgapError, systemCodeOf, systemProblem } from '../../core/errors.ts';
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
import { assertNoLink } from './workspace.ts';

/** How the user wants the vendor's program to be run on the far side. */
export interface DiskToMirrorOptions extends OcMirrorOptions {
  /** Folder below which archive and cache lie, in one of ours; absent: beside the bundle. */
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
 * hashed on the way; a run that was stopped or failed keeps them. `isThere` looks whether every image is on the
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
  const folder = workFolderOf(options.run, options.paths);
  const work = acceptedPath(folder);
  const oc = await findOcMirror(options.run.program, ctx);
  await makeFolder(folder);
  await using _lock = await takeLock(join(folder, LOCK), folder);
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

/** Takes away what {@link mirrorFromDisk} keeps for a further run, unless another run works in there. */
export async function removeWork(run: DiskToMirrorOptions, paths: readonly string[]): Promise<void> {
  const folder = workFolderOf(run, paths);
  if (!existsSync(folder)) return;
  try {
    await using _lock = await takeLock(join(folder, LOCK), folder);
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    if (!isAirgapError(error, 'E_USAGE')) throw error;
  }
}

const LOCK = 'lock';
const DISK = 'disk';
const CACHE = 'cache';
const CONFIG = 'imageset.yaml';
const CA_FILE = 'ca.pem';

/**
 * `trip.tar.oc-mirror` for `trip.tar` and for `trip.tar.001`. Always a folder of our own: all in it goes in the end, and in a
 * folder the user named could be anything.
 */
function workFolderOf({ workDir }: DiskToMirrorOptions, paths: readonly string[]): string {
  if (workDir !== undefined) return join(workDir, 'airgap.oc-mirror');
  return `${(paths[0] ?? '').replace(/\.\d{3}$/, '')}.oc-mirror`;
}

async function makeFolder(folder: string): Promise<void> {
  const parts = [join(folder, DISK), join(folder, CACHE)];
  // It lies beside the bundle, on a medium that others could write to.
  for (const path of [folder, ...parts]) assertNoLink(path, 'name a folder with --work-dir DIR');
  try {
    for (const path of parts) await mkdir(path, { recursive: true });
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
  // It is filled from the archive in every run; what else is in it would go to the registry as well.
  await removeOthers(join(work, CACHE), new Set());
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
  await rm(join(work, CONFIG), { force: true });
  await writeOutputFile(join(work, CONFIG), await reader.readFile(engine.config), { flag: '--work-dir', isNew: true });
  return bytes;
}

/**
 * The program takes every archive it finds, its own working directory, and images that are in its cache and not in the archive:
 * only what was verified may be there, nothing of another bundle or of the medium.
 */
async function removeOthers(folder: string, expected: ReadonlySet<string>): Promise<void> {
  const others = (await readdir(folder)).filter((name) => !expected.has(name));
  await Promise.all(others.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

async function hasContent(
  path: string,
  { size, sha256 }: { readonly size: number; readonly sha256: string },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const found = await lstat(path);
    if (!found.isFile() || found.size !== size) return false;
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
