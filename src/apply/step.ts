import { AirgapError } from '../core/errors.ts';
import type { Rollout, RunContext } from '../core/events.ts';
import { applyPlan, planWrites, type ApplyOptions, type Change, type PlannedWrite, type Write } from './apply.ts';
import type { KubeClient } from './kube-client.ts';
import type { KubeObject } from './kube-object.ts';
import type { Timeouts } from './timeouts.ts';
import { waitUntilReady, type Readiness } from './wait.ts';

/** Name of a step as in `--steps`. */
export type StepId = string;

export interface StepOptions {
  /** Stop each phase after its change set. */
  readonly dryRun: boolean;
  readonly forceConflicts: boolean;
  /** Let mirror sets lose entries that earlier bundles brought. */
  readonly replaceMirrors: boolean;
}

/** What a step may use. Steps keep no state of their own: everything they must know later is on the cluster. */
export interface StepContext extends RunContext {
  readonly client: KubeClient;
  /** Resources generated for this bundle and registry: mirror sets, catalog sources, signatures, … */
  readonly resources: readonly KubeObject[];
  readonly options: StepOptions;
  readonly timeouts: Timeouts;
  /** Asks before something disruptive; the text says what will happen. False ends the run. */
  confirm(question: string): Promise<boolean>;
}

/** Part of a step: written together, then waited for. */
export interface Phase<Context extends StepContext = StepContext> {
  readonly title: string;
  /** What must be on the cluster. May read what exists: random content is made once, unions need both sides. */
  writes(context: Context): Promise<readonly Write[]>;
  /** What the change set would do to nodes; told by a dry run. */
  forecast?(context: Context, changes: readonly Change[]): Promise<readonly Rollout[]>;
  /** Sees the change set before anything is written; may ask, or throw. */
  review?(context: Context, changes: readonly Change[]): Promise<void>;
  /** What must be true before the next phase; told what this run really changed. */
  ready?(context: Context, changes: readonly Change[]): Promise<readonly Readiness[]> | readonly Readiness[];
}

export interface Step<Context extends StepContext = StepContext> {
  readonly id: StepId;
  readonly title: string;
  /** Steps that come first when they are part of the run (the hard edges of the order of steps). */
  readonly needs: readonly StepId[];
  phases(context: Context): readonly Phase<Context>[];
}

export interface StepSelection {
  /** Only these. */
  readonly steps?: readonly StepId[];
  /** None of these. */
  readonly skip?: readonly StepId[];
  /** This one and what comes after it in the order. */
  readonly from?: StepId;
}

export interface StepResult {
  readonly step: StepId;
  readonly changes: readonly Change[];
  /** What the changes would do to nodes; only a dry run says so. */
  readonly rollouts?: readonly Rollout[];
}

/**
 * The steps of a run in an order in which each comes after what it needs; the given order otherwise.
 * Throws `E_USAGE` for a name that is no step.
 */
export function selectSteps<Context extends StepContext>(
  all: readonly Step<Context>[],
  selection: StepSelection,
): Step<Context>[] {
  const ordered = inDependencyOrder(all);
  const named = [
    ...(selection.steps ?? []),
    ...(selection.skip ?? []),
    ...(selection.from === undefined ? [] : [selection.from]),
  ];
  const unknown = named.find((id) => !ordered.some((step) => step.id === id));
  if (unknown !== undefined) {
    throw new AirgapError('E_USAGE', `no step ${JSON.stringify(unknown)}`, {
      hint: `the steps are: ${ordered.map(({ id }) => id).join(', ')}`,
    });
  }
  const first = selection.from === undefined ? 0 : ordered.findIndex(({ id }) => id === selection.from);
  return ordered
    .slice(first)
    .filter(({ id }) => selection.steps?.includes(id) ?? true)
    .filter(({ id }) => !(selection.skip?.includes(id) ?? false));
}

/**
 * Runs steps one after the other: change set by dry run, review, apply, wait. A second run over a finished cluster changes
 * nothing. With `dryRun` no phase is written or waited for.
 */
export async function runSteps<Context extends StepContext>(
  steps: readonly Step<Context>[],
  context: Context,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (const step of steps) {
    const startedAt = Date.now();
    context.report({ type: 'stage', name: step.id, state: 'started' });
    const changes: Change[] = [];
    const rollouts: Rollout[] = [];
    for (const phase of step.phases(context)) {
      const done = await runPhase(phase, context);
      changes.push(...done.changes);
      rollouts.push(...(done.rollouts ?? []));
    }
    const elapsedMs = Date.now() - startedAt;
    context.report({
      type: 'stage',
      name: step.id,
      state: 'finished',
      detail: summaryOf(changes, context.options.dryRun),
      elapsedMs,
    });
    results.push({ step: step.id, changes, ...(rollouts.length === 0 ? {} : { rollouts }) });
  }
  return results;
}

/** What `planWrites` and `applyPlan` need, from a step's context. */
function applyOptionsOf(context: StepContext): ApplyOptions {
  const { signal, report, options, timeouts } = context;
  return { signal, report, forceConflicts: options.forceConflicts, webhookMs: timeouts.webhookMs };
}

async function runPhase<Context extends StepContext>(
  phase: Phase<Context>,
  context: Context,
): Promise<Omit<StepResult, 'step'>> {
  const options = applyOptionsOf(context);
  const planned = await planWrites(context.client, await phase.writes(context), options);
  const expected = planned.map(({ change }) => change);
  if (context.options.dryRun) {
    for (const change of expected) context.report({ type: 'change', isPreview: true, ...change });
    const isChange = expected.some(({ action }) => action !== 'unchanged');
    const rollouts = isChange ? ((await phase.forecast?.(context, expected)) ?? []) : [];
    for (const rollout of rollouts) context.report({ type: 'rollout', ...rollout });
    return { changes: expected, rollouts };
  }
  await phase.review?.(context, expected);
  const changes = await applyPlan(context.client, planned satisfies readonly PlannedWrite[], options);
  const conditions = (await phase.ready?.(context, changes)) ?? [];
  await waitUntilReady(context.client, conditions, {
    signal: context.signal,
    report: context.report,
    pollMs: context.timeouts.pollMs,
  });
  return { changes };
}

function inDependencyOrder<Context extends StepContext>(all: readonly Step<Context>[]): Step<Context>[] {
  const ordered: Step<Context>[] = [];
  const visiting = new Set<StepId>();
  const visit = (step: Step<Context>): void => {
    if (ordered.includes(step)) return;
    if (visiting.has(step.id)) throw new Error(`steps need each other: ${[...visiting].join(', ')}`);
    visiting.add(step.id);
    for (const need of step.needs) {
      const needed = all.find(({ id }) => id === need);
      if (needed !== undefined) visit(needed);
    }
    visiting.delete(step.id);
    ordered.push(step);
  };
  for (const step of all) visit(step);
  return ordered;
}

function summaryOf(changes: readonly Change[], isPreview: boolean): string {
  const count = (action: Change['action']) => changes.filter((change) => change.action === action).length;
  const would = isPreview ? 'would be ' : '';
  return `${count('created')} ${would}created, ${count('configured')} ${would}configured, ${count('unchanged')} unchanged`;
}
