import type { ManagementInput } from '../management-input.ts';
import type { ObjectRef } from '../kube-object.ts';
import type { Step } from '../step.ts';
import { whenConditions } from '../wait.ts';
import { whenWorkload } from './load-balancer.ts';

const CONTROLLER: ObjectRef = {
  apiVersion: 'operator.openshift.io/v1',
  kind: 'IngressController',
  namespace: 'openshift-ingress-operator',
  name: 'default',
};
const ROUTER: ObjectRef = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  namespace: 'openshift-ingress',
  name: 'router-default',
};

/**
 * The default router admits wildcard routes, which a hosted cluster without a base domain of its own hangs on. Sets that one field:
 * namespace ownership and route selectors stay as they are. Ends when the routers have restarted.
 */
export function ingressPolicyStep(input: ManagementInput): Step {
  const { ingress } = input.cluster;
  return {
    id: 'ingress-policy',
    title: 'Wildcard routes',
    needs: ['preflight'],
    phases: () =>
      ingress?.wildcardRoutes === true
        ? [
            {
              title: 'wildcard policy',
              writes: async () => [
                {
                  how: 'apply',
                  object: {
                    apiVersion: CONTROLLER.apiVersion,
                    kind: CONTROLLER.kind,
                    metadata: { name: CONTROLLER.name, namespace: 'openshift-ingress-operator' },
                    spec: { routeAdmission: { wildcardPolicy: 'WildcardsAllowed' } },
                  },
                },
              ],
              ready: ({ timeouts }) => [
                whenWorkload(ROUTER, timeouts.ingressMs),
                whenConditions(
                  CONTROLLER,
                  { Available: 'True', Progressing: 'False', Degraded: 'False' },
                  { limitMs: timeouts.ingressMs },
                ),
              ],
            },
          ]
        : [],
  };
}
