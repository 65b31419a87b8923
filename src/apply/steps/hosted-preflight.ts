import { AirgapError } from '../../core/errors.ts';
import { checkIdentity } from '../hosted-cluster-checks.ts';
import { readManagementFacts } from '../hosted-cluster-facts.ts';
import type { HostedEnvironment } from '../hosted-environment.ts';
import type { Step } from '../step.ts';

/** References a warning names. */
const MOST_REFERENCES = 10;

/**
 * The preflight step, with what nothing in the run will settle about its hosted clusters: names, namespaces and networks that are
 * taken. Everything else about them is checked when operators and images are there. Throws one `E_PREFLIGHT` with all problems.
 */
export function withHostedChecks(preflight: Step, environment: Pick<HostedEnvironment, 'clusters' | 'bundle'>): Step {
  const { clusters } = environment;
  return {
    ...preflight,
    phases: (context) => [
      ...preflight.phases(context),
      {
        title: 'hosted clusters',
        async writes({ client, report }) {
          const message = unredirected(environment);
          if (message !== undefined) report({ type: 'warning', code: 'W_CLUSTER', message });
          const facts = await readManagementFacts(client);
          const problems = clusters.flatMap(({ options }) =>
            checkIdentity(options, facts).map(({ problem, fix }) => ({
              problem: `hosted cluster ${options.name}: ${problem}`,
              fix,
            })),
          );
          if (problems.length === 0) return [];
          throw new AirgapError('E_PREFLIGHT', problems.map(({ problem }) => problem).join('\n'), {
            hint: [...new Set(problems.map(({ fix }) => fix))].join('; '),
            data: { problems },
          });
        },
      },
    ],
  };
}

/** Mirrors of a hosted cluster are for pulls by digest, unless it is told otherwise; undefined when nothing is pulled by tag. */
function unredirected({ clusters, bundle }: Pick<HostedEnvironment, 'clusters' | 'bundle'>): string | undefined {
  const { references = [] } = bundle.tagged ?? {};
  const names = clusters.filter(({ options }) => !options.tagMirrors).map(({ options }) => options.name);
  if (references.length === 0 || names.length === 0) return undefined;
  const shown = references.slice(0, MOST_REFERENCES).join(', ');
  const more = references.length > MOST_REFERENCES ? ` and ${references.length - MOST_REFERENCES} more` : '';
  return `nodes of ${names.join(', ')} have no mirrors for pulls by tag and could not pull ${shown}${more} for pods there: name them by digest, or set tagMirrors: true for the hosted cluster`;
}
