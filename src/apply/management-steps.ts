import type { ManagementInput } from './management-input.ts';
import type { Step } from './step.ts';
import { catalogsStep } from './steps/catalogs.ts';
import { ingressPolicyStep } from './steps/ingress-policy.ts';
import { loadBalancerStep } from './steps/load-balancer.ts';
import { mirrorSetsStep } from './steps/mirror-sets.ts';
import { multiclusterEngineStep } from './steps/multicluster-engine.ts';
import { preflightStep } from './steps/preflight.ts';
import { pullSecretStep } from './steps/pull-secret.ts';
import { registryCaStep } from './steps/registry-ca.ts';
import { storageStep } from './steps/storage.ts';
import { updateServiceStep } from './steps/update-service.ts';
import { virtualizationStep } from './steps/virtualization.ts';

/** Every step that prepares the management cluster, in order. What the site file does not ask for has no phases. */
export function managementSteps(input: ManagementInput): Step[] {
  return [
    preflightStep(input),
    pullSecretStep(input),
    registryCaStep(input),
    mirrorSetsStep(),
    catalogsStep(input),
    storageStep(input),
    virtualizationStep(input),
    loadBalancerStep(input),
    multiclusterEngineStep(input),
    updateServiceStep(input),
    ingressPolicyStep(input),
  ];
}
