import { AirgapError } from '../../core/errors.ts';
import { checkIdentity } from '../hosted-cluster-checks.ts';
import { readManagementFacts } from '../hosted-cluster-facts.ts';
import type { HostedClusterRequest } from '../hosted-environment.ts';
import type { Step } from '../step.ts';

/**
 * The preflight step, with what nothing in the run will settle about its hosted clusters: names, namespaces and networks that are
 * taken. Everything else about them is checked when operators and images are there. Throws one `E_PREFLIGHT` with all problems.
 */
export function withHostedChecks(preflight: Step, clusters: readonly HostedClusterRequest[]): Step {
  return {
    ...preflight,
    phases: (context) => [
      ...preflight.phases(context),
      {
        title: 'hosted clusters',
        async writes({ client }) {
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
