import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { takeLock } from '../../bundle/lock-file.ts';
import { AirgapError, isAirgapError } from '../../core/errors.ts';
import type { RunContext } from '../../core/events.ts';
import type { Digest } from '../../oci/digest.ts';
import { formatPinnedDeletion, formatPinnedImageSet, pinCatalogs } from '../../mirror/pinned.ts';
import type { EngineDifference } from '../../mirror/plan-file.ts';
import type { PlannedImage } from '../../mirror/mirror-plan.ts';
import { contentOfPlan } from '../../mirror/plan-groups.ts';
import type { BundleEntry, ExtraFile } from '../bundle-content.ts';
import { makeOutputFolder, writeOutputFile } from '../output-path.ts';
import { readImageSet, type PlanOptions, type PlanResult } from '../plan.ts';
import { stage } from '../stage.ts';
import { chunkNames, readArchive, type ArchiveChunk, type ArchiveContents } from './archive.ts';
import { formatBlobIndex } from './archive-source.ts';
import { describeDifferences } from './differences.ts';
import { assertCrossesGap, farSideConfig } from './far-side-config.ts';
import { failureOf } from './failure.ts';
import { matchArchive, type MatchedPlan } from './match.ts';
import { createSaidReader } from './output.ts';
import { findOcMirror, type OcMirror } from './program.ts';
import { assertRoom } from './room.ts';
import { releaseEnvironment, runOcMirror, type OcMirrorOptions } from './run.ts';
import { assertReleasesSigned } from './signed-releases.ts';
import { isComplete, markOf, openWorkspace, type Workspace } from './workspace.ts';

/** Folder of a bundle for everything of the vendor's program. */
const ENGINE_FOLDER = 'oc-mirror';

/** What a mirror-to-disk run brought, ready to be written into a bundle. */
export interface MirroredToDisk {
  /** The plan with what is really there. */
  readonly planned: PlanResult;
  /** The archive. */
  readonly entries: readonly BundleEntry[];
  readonly files: readonly ExtraFile[];
  /** Removes the folder of the run; to be called when the bundle is complete. */
  cleanUp(): Promise<void>;
}

export interface MirrorToDisk {
  mirror(planned: PlanResult): Promise<MirroredToDisk>;
}

/**
 * Prepares mirroring by the vendor's program, before anything is asked of the internet. A run that failed or was stopped keeps
 * its cache, and goes on from there; a finished one is not repeated for the same content. Throws `E_USAGE` when the program
 * can not be used, `E_CONFIG` for what it could not bring to the far side.
 */
export async function openMirrorToDisk(
  options: { readonly plan: PlanOptions; readonly output: string; readonly engine: OcMirrorOptions },
  ctx: RunContext,
): Promise<MirrorToDisk> {
  const { engine, output } = options;
  const workspace = openWorkspace(output, engine);
  assertCrossesGap((await readImageSet(options.plan.config)).imageSet, options.plan.config);
  const oc = await findOcMirror(engine.program, ctx);
  return {
    async mirror(planned) {
      const mark = markOf(planned, oc, engine);
      if (!(await isComplete(workspace, mark))) await run(planned, { ...options, workspace, oc }, ctx);
      const { contents, matched } = await orForget(workspace, () => inspect(planned, { ...options, workspace }, ctx));
      await rm(workspace.mark, { force: true });
      await writeOutputFile(workspace.mark, mark, { flag: '--engine oc-mirror:', isNew: true });
      // The archive has everything; a cache that was given belongs to the user.
      if (engine.cacheDir === undefined) await rm(workspace.cache, { recursive: true, force: true });
      for (const message of describeDifferences(matched.differences)) {
        ctx.report({ type: 'warning', code: 'W_ENGINE', message });
      }
      return {
        planned: { ...planned, ...adapted(planned, { matched, contents, version: oc.version }) },
        entries: contents.chunks.map((chunk) => chunkEntry(workspace.disk, chunk)),
        files: documents(planned, contents),
        cleanUp: () => rm(workspace.folder, { recursive: true, force: true }),
      };
    },
  };
}

/** Reads what the program wrote, and accepts it. */
async function inspect(
  planned: PlanResult,
  { plan, workspace }: Pick<RunOptions, 'plan' | 'workspace'>,
  ctx: RunContext,
): Promise<{ readonly contents: ArchiveContents; readonly matched: MatchedPlan }> {
  const contents = await stage('inspect', ctx, async () => {
    const result = await readArchive(workspace.disk, ctx);
    return { result, detail: `${result.chunks.length} files of oc-mirror, ${result.tags.size} names` };
  });
  const matched = matchArchive(planned.plan, planned.facts, contents);
  assertNothingMissing(matched.missing, plan.allowGaps);
  if (!plan.allowMissingSignatures) assertReleasesSigned(planned, matched);
  return { contents, matched };
}

/** An archive that is refused is not used again: the same command mirrors anew. */
async function orForget<T>({ mark }: Workspace, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isAirgapError(error)) await rm(mark, { force: true });
    throw error;
  }
}

interface RunOptions {
  readonly plan: PlanOptions;
  readonly engine: OcMirrorOptions;
  readonly workspace: Workspace;
  readonly oc: OcMirror;
}

async function run(planned: PlanResult, { plan, engine, workspace, oc }: RunOptions, ctx: RunContext): Promise<void> {
  const { folder, disk, cache } = workspace;
  // Its history in there would leave out of the archive what an earlier one had.
  await rm(disk, { recursive: true, force: true });
  makeOutputFolder(disk, '--engine oc-mirror:');
  makeOutputFolder(cache, engine.cacheDir === undefined ? '--engine oc-mirror:' : '--oc-mirror-cache');
  // Two runs in one cache would spoil it.
  await using _lock = await takeLock(join(cache, 'airgap.lock'), cache);
  // All of it is in its cache and in its archive, later in the archive and in the bundle.
  await assertRoom(folder, 2 * planned.plan.totalBytes, 'write the bundle elsewhere, or leave --engine out');
  const isInsecure = (plan.registry.insecure ?? []).length > 0;
  if (isInsecure) {
    const message = 'oc-mirror knows no exception for one registry: with --insecure it checks the certificate of none';
    ctx.report({ type: 'warning', code: 'W_INSECURE', message });
  }
  const startedAt = Date.now();
  let current = { name: '', since: startedAt };
  const begin = (name: string): void => {
    current = { name, since: Date.now() };
    ctx.report({ type: 'stage', name, state: 'started' });
  };
  const finish = (detail: string): void => {
    const { name, since } = current;
    ctx.report({ type: 'stage', name, state: 'finished', detail, elapsedMs: Date.now() - since });
  };
  begin('oc-mirror');
  const { said, onLine } = createSaidReader({
    report: ctx.report,
    sizeOf: sizesOf(planned),
    totalBytes: planned.plan.totalBytes,
    onArchiving() {
      finish(`${said.copied} images`);
      begin('archive');
    },
  });
  const end = await runOcMirror(
    {
      ...{ oc, options: engine, registry: plan.registry, cacheDir: cache, caFile: join(folder, 'ca.pem'), onLine },
      env: releaseEnvironment(plan.releases),
      args: ['--config', plan.config, ...(isInsecure ? ['--src-tls-verify=false'] : []), `file://${disk}`],
    },
    ctx,
  );
  const failure = await failureOf({
    ...{ end, said, startedAt, workingDir: join(disk, 'working-dir') },
    hint: `what was fetched is kept in ${cache}: run the same command again to go on`,
  });
  if (failure !== undefined) throw failure;
  const chunks = await chunkNames(disk);
  if (chunks.length === 0) {
    throw new AirgapError('E_FAILED', `oc-mirror ended well but left no archive in ${disk}`, {
      hint: 'see the logs in its working-dir there',
    });
  }
  finish(`${chunks.length} files`);
}

/** Bytes of an image: what none named before has. */
function sizesOf({ plan }: PlanResult): (origin: string) => { digest: string; bytes: number } | undefined {
  const roots = new Map(plan.images.map((image) => [image.origin, image.root.digest]));
  const content = contentOfPlan(plan);
  const seen = new Set<Digest>();
  return (origin) => {
    const root = roots.get(origin);
    if (root === undefined) return undefined;
    let bytes = 0;
    const open = [root];
    for (let digest = open.pop(); digest !== undefined; digest = open.pop()) {
      if (seen.has(digest)) continue;
      seen.add(digest);
      bytes += content.sizeOf(digest) ?? 0;
      open.push(...content.childrenOf(digest));
    }
    return { digest: root, bytes };
  };
}

function adapted(
  planned: PlanResult,
  parts: {
    readonly matched: ReturnType<typeof matchArchive>;
    readonly contents: ArchiveContents;
    readonly version: string;
  },
): Pick<PlanResult, 'plan' | 'facts'> {
  const { matched, contents, version } = parts;
  const gaps = matched.missing.map(({ origin, because }) => ({ origin, because, reason: 'oc-mirror left it out' }));
  return {
    plan: { ...matched.plan, gaps: [...planned.plan.gaps, ...gaps] },
    facts: {
      ...matched.facts,
      engine: {
        name: 'oc-mirror',
        version,
        archive: contents.chunks.map(({ name }) => `${ENGINE_FOLDER}/${name}`),
        blobs: `${ENGINE_FOLDER}/blobs.json`,
        config: `${ENGINE_FOLDER}/imageset.yaml`,
        differences: [...matched.differences] as EngineDifference[],
      },
    },
  };
}

/** The index of its blobs, its configuration for the far side, and both pinned ones: its own, or ours where it is too old to write them. */
function documents(planned: PlanResult, { documents: found, blobs }: ArchiveContents): ExtraFile[] {
  const { imageSet, facts } = planned;
  const newest = (kind: string): Buffer | undefined => {
    const name = [...found.keys()]
      .filter((key) => key.startsWith(`${kind}_pinned_`))
      .toSorted()
      .at(-1);
    return name === undefined ? undefined : found.get(name);
  };
  const digests = new Map<string, Digest>(facts.catalogs.map(({ reference, digest }) => [reference, digest]));
  const pinned = pinCatalogs(imageSet, digests);
  const file = (name: string, content: string | Buffer): ExtraFile => ({
    path: `${ENGINE_FOLDER}/${name}`,
    content: Buffer.from(content),
  });
  return [
    file('blobs.json', formatBlobIndex(blobs, ENGINE_FOLDER)),
    file('imageset.yaml', farSideConfig(planned)),
    file('isc_pinned.yaml', newest('isc') ?? formatPinnedImageSet(pinned)),
    file('disc_pinned.yaml', newest('disc') ?? formatPinnedDeletion(pinned)),
  ];
}

function chunkEntry(disk: string, { name, size, sha256 }: ArchiveChunk): BundleEntry {
  const descriptor = { mediaType: 'application/x-tar', digest: `sha256:${sha256}`, size } as const;
  // Read again when it is written: far too large for memory.
  const open = async () => createReadStream(join(disk, name), { highWaterMark: 1024 * 1024 });
  return {
    path: `${ENGINE_FOLDER}/${name}`,
    size,
    sha256,
    blob: { descriptor, sources: [], generated: { descriptor, open } },
  };
}

function assertNothingMissing(missing: readonly PlannedImage[], allowGaps: boolean): void {
  if (missing.length === 0 || allowGaps) return;
  const shown = missing.slice(0, 5).map(({ origin, because }) => `\n  ${origin} (${because.join(', ')})`);
  const more = missing.length > 5 ? `\n  and ${missing.length - 5} more` : '';
  throw new AirgapError('E_FAILED', `oc-mirror left out ${missing.length} planned images:${shown.join('')}${more}`, {
    hint: 'run the same command again; --allow-gaps packs without them and lists them in the bundle',
    data: { missing: missing.map(({ origin }) => origin) },
  });
}
