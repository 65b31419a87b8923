import { z } from 'zod';
import type { TrustedRootDifference, TrustedRootEntry } from '../bundle/trusted-root.ts';
import type { Rollout } from '../core/events.ts';
import type { PlanDiff } from '../mirror/plan-diff.ts';
import { PlanFileSchema } from '../mirror/plan-file.ts';
import type { VersionChange } from '../mirror/version-changes.ts';
import type { InitResult } from './init.ts';
import type { InspectResult } from './inspect.ts';
import type { MirrorResult } from './mirror.ts';
import type { PackResult } from './pack.ts';
import { PlanReportSchema } from './plan-report.ts';
import type { ServeResult } from './serve.ts';
import type { VerifyResult } from './verify.ts';

/**
 * What the commands print with `--json`, one document each; published in `schemas/` (build/schemas.ts). Scripts rely on
 * them: a member may be added, none may change or go without a new major version.
 */

const text = z.string();
const count = z.int().nonnegative();
const hex = z.string().regex(/^[0-9a-f]{64}$/);
const texts = z.array(text);

const BundleIdentitySchema = z.strictObject({
  name: text,
  serial: z.int().positive(),
  createdAt: text,
  expiresAt: z.exactOptional(text),
});

const SignerSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('key'), key: text }),
  z.strictObject({ kind: z.literal('identity'), identity: text, issuer: text }),
]);

const GapSchema = z.strictObject({ origin: text, because: texts, reason: text });

const PushResultSchema = z.strictObject({
  images: count,
  manifests: count,
  blobs: count,
  pushedBytes: count,
  presentBytes: count,
  mounts: count,
});

/** Of a plan or of a lock file, which says less. */
const ComparedImageSchema = z.looseObject({
  kind: text,
  origin: text,
  digest: PlanFileSchema.shape.images.element.shape.digest,
  target: z.strictObject({ repository: text, tag: text.optional() }),
  bytes: count,
});
const PlanDiffSchema: z.ZodType<PlanDiff> = z.object({
  added: z.array(ComparedImageSchema),
  removed: z.array(ComparedImageSchema),
  moved: z.array(z.object({ before: ComparedImageSchema, after: ComparedImageSchema })),
  unchanged: count,
});

const PackResultSchema: z.ZodType<PackResult> = z.strictObject({
  ok: z.literal(true),
  output: text,
  bundle: BundleIdentitySchema,
  manifestSha256: hex,
  bytes: count,
  images: count,
  files: count,
  keptBytes: count,
  gaps: z.array(GapSchema),
  base: z.exactOptional(z.strictObject({ manifestSha256: hex, serial: count, bytes: count })),
  volumes: z.exactOptional(z.array(z.strictObject({ path: text, size: count, sha256: z.exactOptional(hex) }))),
  signingPlan: z.exactOptional(texts),
  engine: z.exactOptional(PlanFileSchema.shape.engine.unwrap()),
});

const VerifyResultSchema: z.ZodType<VerifyResult> = z.strictObject({
  ok: z.literal(true),
  manifestSha256: hex,
  bundle: BundleIdentitySchema,
  signature: z.enum(['accepted', 'none']),
  signers: z.array(SignerSchema),
  files: count,
  bytes: count,
});

const ChangeSchema = z.strictObject({
  subject: text,
  action: z.enum(['created', 'configured', 'unchanged', 'skipped']),
  /** With `before` and `after`: whatever the resource has there. */
  differences: z.array(z.looseObject({ path: text })),
  note: z.exactOptional(text),
});

const RolloutSchema: z.ZodType<Rollout> = z.strictObject({
  effect: z.enum(['drain', 'restart', 'reload', 'none', 'replace']),
  pools: z.array(z.strictObject({ name: text, nodes: count, isPaused: z.exactOptional(z.literal(true)) })),
  because: texts,
  expectedMs: z.exactOptional(count),
});

/** The type is `UnpackResult`; its changes hold values of any type, which zod can not say. */
const UnpackResultSchema = z.strictObject({
  ok: z.literal(true),
  bundle: BundleIdentitySchema,
  manifestSha256: hex,
  registry: text,
  push: z.exactOptional(PushResultSchema),
  steps: z.array(
    z.strictObject({
      step: text,
      changes: z.array(ChangeSchema),
      rollouts: z.exactOptional(z.array(RolloutSchema).describe('what a dry run foresees for the nodes')),
    }),
  ),
  rendered: texts,
  gaps: count,
  receipt: z.exactOptional(text),
});

const MirrorResultSchema: z.ZodType<MirrorResult> = z.strictObject({
  ok: z.literal(true),
  registry: text,
  push: PushResultSchema,
  resources: texts,
  gaps: z.array(GapSchema),
});

const VersionChangeSchema: z.ZodType<VersionChange> = z.strictObject({
  kind: z.enum(['release', 'operator']),
  name: text,
  catalog: z.exactOptional(text),
  before: texts,
  after: texts,
});

const InspectResultSchema: z.ZodType<InspectResult> = z.strictObject({
  ok: z.literal(true),
  verified: z.boolean(),
  bundle: BundleIdentitySchema,
  manifestSha256: hex,
  signatures: count,
  signers: z.array(SignerSchema),
  base: z.exactOptional(z.strictObject({ manifestSha256: hex, serial: count, files: count, bytes: count })),
  files: z.array(z.strictObject({ path: text, size: count, sha256: hex })),
  certificates: z.array(
    z.strictObject({
      subject: text,
      issuer: text,
      notBefore: text,
      notAfter: text,
      fingerprint: text,
      isCa: z.boolean(),
      path: text,
      registry: z.exactOptional(text),
    }),
  ),
  plan: z.exactOptional(PlanFileSchema),
  against: z.exactOptional(
    z.strictObject({
      bundle: BundleIdentitySchema,
      manifestSha256: hex,
      versions: z.array(VersionChangeSchema),
    }),
  ),
  difference: z.exactOptional(PlanDiffSchema),
  report: z.exactOptional(text),
});

const TrustedRootEntrySchema: z.ZodType<TrustedRootEntry> = z.strictObject({
  kind: z.enum(['certificate authority', 'timestamp authority', 'transparency log', 'certificate log']),
  id: text,
  fingerprint: text,
  uri: text,
  subject: text,
  validFrom: z.exactOptional(text),
  validUntil: z.exactOptional(text),
});

const TrustedRootDifferenceSchema: z.ZodType<TrustedRootDifference> = z.strictObject({
  added: z.array(TrustedRootEntrySchema),
  removed: z.array(TrustedRootEntrySchema),
});

/** An error of any command: beside these members, facts that belong to its code. */
export const ErrorResultSchema = z.looseObject({
  ok: z.literal(false),
  code: text,
  message: text,
  hint: z.exactOptional(text),
});

/** Command, words joined with `-` → its result. */
export const RESULT_SCHEMAS = {
  init: z.strictObject({
    ok: z.literal(true),
    path: text,
    schema: text,
    site: z.exactOptional(z.strictObject({ path: text, schema: text })),
  }) satisfies z.ZodType<InitResult>,
  inspect: InspectResultSchema,
  keygen: z.strictObject({ privateKey: text, publicKey: text, name: text }),
  kubeconfig: z.strictObject({
    ok: z.literal(true),
    hostedClusters: texts,
    file: z.exactOptional(text),
    skipped: texts,
  }),
  mirror: MirrorResultSchema,
  pack: PackResultSchema,
  plan: PlanReportSchema,
  serve: z.strictObject({
    ok: z.literal(true),
    url: text,
    bundle: BundleIdentitySchema,
    manifestSha256: hex,
    repositories: count,
    images: count,
    requests: count,
  }) satisfies z.ZodType<ServeResult>,
  sign: z.strictObject({ ok: z.literal(true), signature: text, manifestSha256: hex }),
  'trust-adopt': z.strictObject({
    ok: z.literal(true),
    adopted: z.boolean(),
    sha256: hex,
    difference: TrustedRootDifferenceSchema,
  }),
  'trust-export': z.strictObject({ ok: z.literal(true), file: text, sha256: hex }),
  'trust-show': z.strictObject({ ok: z.literal(true), sha256: hex, entries: z.array(TrustedRootEntrySchema) }),
  unpack: UnpackResultSchema,
  verify: VerifyResultSchema,
} as const;
