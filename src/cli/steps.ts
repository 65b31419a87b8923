import { AirgapError } from '../core/errors.ts';
import { nearMatches } from '../core/near-match.ts';

/** The step that fills the registry; the others are on the cluster. */
export const PUSH_STEP = 'push';

/** Every step of `unpack`, in order: the cluster is checked before the push, which may take hours. */
export const STEP_NAMES: readonly string[] = [
  ...['preflight', PUSH_STEP, 'pull-secret', 'registry-ca', 'mirror-sets', 'catalogs', 'storage', 'virtualization'],
  ...['load-balancer', 'multicluster-engine', 'update-service', 'ingress-policy', 'hosted-cluster', 'hosted-catalogs'],
];

export interface StepFlags {
  readonly steps: string | undefined;
  readonly skip: string | undefined;
  readonly 'from-step': string | undefined;
}

/** The steps the flags choose, in order. Throws `E_USAGE` for a step there is none of, and when none is left. */
export function chosenSteps(flags: StepFlags): readonly string[] {
  const steps = listOf(flags.steps);
  const skip = listOf(flags.skip);
  const from = flags['from-step'];
  for (const [flag, named] of Object.entries({ steps, skip, 'from-step': from === undefined ? [] : [from] })) {
    for (const name of named ?? []) assertStep(`--${flag}`, name);
  }
  const chosen = STEP_NAMES.slice(from === undefined ? 0 : STEP_NAMES.indexOf(from)).filter(
    (name) => (steps?.includes(name) ?? true) && skip?.includes(name) !== true,
  );
  if (chosen.length > 0) return chosen;
  throw new AirgapError('E_USAGE', '--steps, --skip and --from-step together leave no step', {
    hint: 'name at least one step that is done',
  });
}

/** A list in a flag, `a,b`. */
export function listOf(text: string | undefined): string[] | undefined {
  return text === undefined
    ? undefined
    : text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
}

function assertStep(flag: string, name: string): void {
  if (STEP_NAMES.includes(name)) return;
  const near = nearMatches(name, STEP_NAMES)[0];
  const hint = near === undefined ? '' : `did you mean ${near}? `;
  throw new AirgapError('E_USAGE', `${flag}: there is no step ${JSON.stringify(name)}`, {
    hint: `${hint}the steps are: ${STEP_NAMES.join(', ')}`,
  });
}
