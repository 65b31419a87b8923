import { servesField } from '../crd-schema.ts';
import { textAt, type KubeObject, type ObjectRef } from '../kube-object.ts';
import type { ManagementInput } from '../management-input.ts';
import { operatorPhases, placeOf, type OperatorInstall } from '../olm.ts';
import type { Phase, Step, StepContext } from '../step.ts';
import { READY, waiting, whenConditions, type Readiness, type Verdict } from '../wait.ts';

const GROUP = 'hco.kubevirt.io';
/** A webhook admits one object only, under this name. */
const NAME = 'kubevirt-hyperconverged';
const KUBEVIRT = { apiVersion: 'kubevirt.io/v1', kind: 'KubeVirt' };
/** Versions of the operand, newest first. */
const VERSIONS = ['v1', 'v1beta1'];

/**
 * OpenShift Virtualization, without the boot images it would import from public registries. Ends when it is available and a node
 * can run virtual machines.
 */
export function virtualizationStep(input: ManagementInput): Step {
  const choice = input.cluster.virtualization;
  const install: OperatorInstall | undefined =
    choice?.install === true
      ? { package: NAME, choice, namespace: 'openshift-cnv', channel: 'stable', prefers: 'OwnNamespace' }
      : undefined;
  return {
    id: 'virtualization',
    title: 'OpenShift Virtualization',
    needs: ['preflight', 'catalogs', 'storage'],
    phases: () => (install === undefined ? [] : [...operatorPhases(install), operandPhase(install)]),
  };
}

function operandPhase(install: OperatorInstall): Phase {
  return {
    title: 'HyperConverged',
    writes: async (context) => [{ how: 'apply', object: await operand(context, install) }],
    ready: async (context) => {
      const { apiVersion, kind, metadata } = await operand(context, install);
      return whenVirtualizationReady({ apiVersion, kind, ...metadata }, context);
    },
  };
}

async function operand(context: StepContext, install: OperatorInstall): Promise<KubeObject> {
  const served = await context.client.servedVersion(GROUP, 'HyperConverged', VERSIONS);
  const apiVersion = served ?? `${GROUP}/v1beta1`;
  const { namespace } = await placeOf(context, install);
  return {
    apiVersion,
    kind: 'HyperConverged',
    metadata: { name: NAME, namespace },
    spec: await noBootImages(context, apiVersion),
  };
}

/** Turns off the import of common boot images, in the place where this release has it. */
async function noBootImages({ client }: StepContext, apiVersion: string): Promise<object> {
  const off = { enableCommonBootImageImport: false };
  if (apiVersion.endsWith('/v1')) return { workloadSources: off };
  const crd = { name: `hyperconvergeds.${GROUP}`, version: 'v1beta1' };
  // Newer releases still have the feature gate, and ignore it.
  const isField = (await servesField(client, crd, 'spec', 'enableCommonBootImageImport')) ?? true;
  return isField ? off : { featureGates: off };
}

/** HyperConverged is available, its API for virtual machines is served, and some node has the hardware. */
function whenVirtualizationReady(ref: ObjectRef, { timeouts }: StepContext): Readiness[] {
  const limitMs = timeouts.virtualizationMs;
  const wanted = { ReconcileComplete: 'True', Available: 'True', Progressing: 'False', Degraded: 'False' } as const;
  return [
    whenConditions(ref, wanted, {
      limitMs,
      also: (object) => {
        const health = textAt(object, 'status', 'systemHealthStatus');
        return health === undefined || health === 'healthy' ? READY : waiting(`system health is ${health}`);
      },
    }),
    {
      subject: 'KubeVirt',
      limitMs,
      watches: [KUBEVIRT],
      check: async (client) => kubeVirtVerdict((await client.list(KUBEVIRT))[0]),
    },
    {
      subject: 'nodes that can run virtual machines',
      limitMs,
      watches: [{ apiVersion: 'v1', kind: 'Node' }],
      async check(client) {
        const nodes = await client.list({ apiVersion: 'v1', kind: 'Node' });
        if (nodes.some(canRunMachines)) return READY;
        return {
          state: 'failed',
          reason: 'no node is labelled kubevirt.io/schedulable=true and offers devices.kubevirt.io/kvm',
          hint: 'turn on virtualization in the firmware of the nodes',
          graceMs: timeouts.graceMs,
        };
      },
    },
  ];
}

/** True when KubeVirt has marked a node as usable and its device for hardware virtualization is there. */
export function canRunMachines(node: KubeObject): boolean {
  const devices = textAt(node, 'status', 'allocatable', 'devices.kubevirt.io/kvm');
  return node.metadata.labels?.['kubevirt.io/schedulable'] === 'true' && Number(devices?.replace(/k$/, '000') ?? 0) > 0;
}

/** Whether a KubeVirt is new enough for hosted clusters, which need 1.0.0. */
export function kubeVirtVerdict(kubevirt: KubeObject | undefined): Verdict {
  const version = textAt(kubevirt, 'status', 'observedKubeVirtVersion');
  if (version === undefined) return waiting('version not reported yet');
  if (Number(/^v?(\d+)\./.exec(version)?.[1] ?? 1) >= 1) return READY;
  return {
    state: 'failed',
    reason: `version ${version} is too old for hosted clusters`,
    hint: 'update OpenShift Virtualization to a release with KubeVirt 1.0 or newer',
  };
}
