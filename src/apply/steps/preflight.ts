import { AirgapError } from '../../core/errors.ts';
import type { ManagementInput } from '../management-input.ts';
import { checkManagementCluster } from '../preflight-checks.ts';
import type { Step } from '../step.ts';

/** Everything that can be known to go wrong is found before the first write: all errors together, warnings beside them. */
export function preflightStep(input: ManagementInput): Step {
  return {
    id: 'preflight',
    title: 'Checks of the management cluster',
    needs: [],
    phases: () => [
      {
        title: 'checks',
        async writes({ client, resources, report }) {
          const findings = await checkManagementCluster({ client, input, resources });
          for (const { level, message } of findings) {
            if (level === 'warning') report({ type: 'warning', code: 'W_CLUSTER', message });
          }
          const errors = findings.filter(({ level }) => level === 'error');
          if (errors.length === 0) return [];
          const hints = errors.flatMap(({ hint }) => (hint === undefined ? [] : [hint]));
          throw new AirgapError('E_PREFLIGHT', errors.map(({ message }) => message).join('; '), {
            ...(hints.length === 0 ? {} : { hint: hints.join('; ') }),
            data: { findings },
          });
        },
      },
    ],
  };
}
