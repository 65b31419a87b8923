import type { ManagementInput } from '../management-input.ts';
import { operatorPhases, placeOf, type OperatorInstall } from '../olm.ts';
import { withoutProvenance } from '../provenance.ts';
import type { Phase, Step } from '../step.ts';

const PACKAGE = 'cincinnati-operator';

/** The update service with the bundle's graph, where the site wants it or its API is there already; left out with a note otherwise. */
export function updateServiceStep(input: ManagementInput): Step {
  const choice = input.cluster.updateService;
  const install: OperatorInstall = {
    package: PACKAGE,
    choice: choice ?? { install: false, approval: 'Automatic' },
    namespace: 'openshift-update-service',
    channel: 'v1',
    prefers: 'OwnNamespace',
  };
  return {
    id: 'update-service',
    title: 'Update service',
    needs: ['preflight', 'catalogs'],
    phases: ({ resources }) => {
      if (!resources.some(({ kind }) => kind === 'UpdateService')) return [];
      return [...(choice?.install === true ? operatorPhases(install) : []), servicePhase(install)];
    },
  };
}

function servicePhase(install: OperatorInstall): Phase {
  return {
    title: 'UpdateService',
    async writes(context) {
      const { client, resources, report, options } = context;
      const objects = resources.filter(({ kind }) => kind === 'UpdateService');
      const first = objects[0];
      const isKnown = first !== undefined && (await client.kind(first.apiVersion, first.kind)) !== undefined;
      if (!isKnown && !(options.dryRun && install.choice.install)) {
        const message = `UpdateService is left out: the package ${PACKAGE} is not installed`;
        report({ type: 'warning', code: 'W_CLUSTER', message });
        return [];
      }
      const { namespace } = await placeOf(context, install);
      return objects.map((object) => {
        const plain = withoutProvenance(object);
        return {
          how: 'apply',
          object: { ...plain, metadata: { ...plain.metadata, namespace: plain.metadata.namespace ?? namespace } },
        };
      });
    },
  };
}
