import type { BundleIdentity, BundleManifest } from '../bundle/manifest.ts';
import { planManifest, serializeManifest } from '../bundle/manifest.ts';
import type { UnfinishedBundle } from '../bundle/unfinished.ts';
import { AirgapError } from '../core/errors.ts';
import { formatLock, LOCK_PATH } from '../mirror/lock.ts';
import { planFileOf } from '../mirror/plan-file.ts';
import { baseFile } from './base-places.ts';
import { isInBase, type Base } from './base-receipt.ts';
import { bundleEntries, type BundleEntry, type ExtraFile } from './bundle-content.ts';
import { bundleReadme } from './bundle-readme.ts';
import type { NamedCaBundle } from './ca-bundles.ts';
import type { PackOptions } from './pack.ts';
import type { PlanResult } from './plan.ts';
import type { PushTarget } from './push-target.ts';
import { packedReport } from './report/packed.ts';
import { generateResources } from './resources.ts';

/** A bundle before it is signed: the files it carries, and the bundle manifest that lists them and those of its base. */
export interface Draft {
  readonly entries: readonly BundleEntry[];
  readonly manifest: BundleManifest;
  /** Signatures of the unfinished run this one continues. */
  readonly signatures?: readonly Uint8Array[];
}

export interface DraftContent {
  readonly planned: PlanResult;
  readonly caBundles: readonly NamedCaBundle[];
  readonly tools: readonly BundleEntry[];
  /** Of another engine: its archive and its documents. */
  readonly archive?: readonly BundleEntry[];
  readonly engineFiles?: readonly ExtraFile[];
}

/**
 * The draft of a bundle; that of the unfinished run when it holds the same content and nothing else was asked for. With a
 * signing plan it is the one that was planned, else `E_CONFIG`: what was signed must be what is written.
 */
export async function draftBundle(
  options: PackOptions,
  content: DraftContent,
  unfinished: UnfinishedBundle | undefined,
): Promise<Draft> {
  const { signingPlan } = options;
  if (signingPlan !== undefined) {
    const draft = await draftFor(signingPlan.identity, content, options);
    if (serializeManifest(draft.manifest).equals(signingPlan.manifest)) return draft;
    throw new AirgapError('E_CONFIG', `what would be packed now is not what ${signingPlan.origin} says`, {
      hint: 'a tag moved, or configuration or flags changed: plan again with the same flags (and --lock), and sign that',
    });
  }
  if (unfinished !== undefined && mayContinue(options, unfinished.manifest.bundle)) {
    const draft = await draftFor(unfinished.manifest.bundle, content, options);
    if (serializeManifest(draft.manifest).equals(unfinished.manifestBytes)) {
      return { ...draft, signatures: unfinished.signatures };
    }
  }
  return draftFor(newIdentity(options), content, options);
}

async function draftFor(identity: BundleIdentity, content: DraftContent, options: PackOptions): Promise<Draft> {
  const { planned, caBundles, tools, archive = [], engineFiles = [] } = content;
  const { plan, facts } = planned;
  const extra: ExtraFile[] = [
    { path: 'config/imageset.yaml', content: Buffer.from(planned.configText) },
    ...(options.site === undefined ? [] : [{ path: 'config/site.yaml', content: Buffer.from(options.site.text) }]),
    { path: LOCK_PATH, content: Buffer.from(formatLock(planned.lock)) },
    ...caBundles.map((bundle) => ({ path: bundle.path, content: Buffer.from(bundle.pem) })),
    ...engineFiles,
    ...(options.target === undefined ? [] : await resourceFiles(planned, options.target, identity, options)),
    {
      path: 'README.txt',
      content: bundleReadme({
        ...identity,
        images: plan.images.length,
        bytes: plan.totalBytes,
        certificates: caBundles.flatMap((bundle) => bundle.certificates),
        gaps: plan.gaps.length,
        base: options.base?.bundle.serial,
        tools,
        ...(facts.engine === undefined ? {} : { engine: facts.engine }),
      }),
    },
  ];
  const { base } = options;
  if (base !== undefined) {
    assertFollows(identity, base);
    extra.push(baseFile(bundleEntries(plan, facts, { extra: [], tools: [], archive: [] }), base));
  }
  const others = bundleEntries(plan, facts, { extra, tools, archive });
  const report = packedReport(identity, { planned, caBundles, entries: others, base });
  const entries = bundleEntries(plan, facts, { extra: [...extra, report], tools, archive });
  const files = entries.map((entry) => {
    const { path, size, sha256 } = entry;
    return { path, size, sha256, ...(isInBase(entry, base) ? { base: true as const } : {}) };
  });
  return {
    entries: entries.filter((entry) => !isInBase(entry, base)),
    manifest: planManifest(identity, files, base?.bundle),
  };
}

/** The far side takes a bundle on top of one of the same stream that came before. */
function assertFollows(identity: BundleIdentity, base: Base): void {
  if (follows(identity, base)) return;
  const { name, serial } = identity;
  const wanted = `${base.name} after serial ${base.bundle.serial}`;
  throw new AirgapError(
    'E_CONFIG',
    `the receipt is a base for bundles of ${wanted}, not for ${name} serial ${serial}`,
    {
      hint: 'give --bundle-name and a higher --serial, or the receipt of this stream',
    },
  );
}

function follows({ name, serial }: BundleIdentity, base: Base): boolean {
  return name === base.name && serial > base.bundle.serial;
}

async function resourceFiles(
  { plan, facts }: PlanResult,
  target: PushTarget,
  identity: BundleIdentity,
  options: PackOptions,
): Promise<ExtraFile[]> {
  const files = new Map(plan.files.map((file) => [file.path, file.content]));
  const { files: resources } = await generateResources(planFileOf(plan, facts), {
    target,
    readFile: async (path) => files.get(path)!,
    createdAt: identity.createdAt,
    version: options.toolVersion,
    mirrorForm: 'sets',
  });
  return resources.map(({ name, content }) => ({ path: `resources/${name}`, content: Buffer.from(content) }));
}

function mayContinue(options: PackOptions, identity: BundleIdentity): boolean {
  return (
    options.bundleName === identity.name &&
    options.expiresAt === identity.expiresAt &&
    (options.base === undefined || follows(identity, options.base)) &&
    (options.serial === undefined || options.serial === identity.serial) &&
    (options.createdAt === undefined || options.createdAt === identity.createdAt)
  );
}

function newIdentity(options: PackOptions): BundleIdentity {
  const createdAt = options.createdAt ?? `${new Date().toISOString().slice(0, 19)}Z`;
  return {
    name: options.bundleName,
    serial: options.serial ?? Math.floor(Date.parse(createdAt) / 1000),
    createdAt,
    ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
  };
}
