import type { KubeObject } from '../kube-object.ts';
import { textAt, valueAt } from '../kube-object.ts';
import type { ManagementInput } from '../management-input.ts';
import { operatorPhases, placeOf, type OperatorInstall } from '../olm.ts';
import type { StorageChoice } from '../site-schema.ts';
import type { Phase, Step, StepContext } from '../step.ts';
import {
  describeCondition,
  currentCondition,
  READY,
  unmetCondition,
  waiting,
  whenConditions,
  type Readiness,
  type Verdict,
} from '../wait.ts';

const STORAGE_CLASSES = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' };
const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';

type LvmChoice = Extract<StorageChoice, { kind: 'lvms' }>;
type OdfChoice = Extract<StorageChoice, { kind: 'odf' }>;

/** A StorageClass for etcd and the disks of virtual machines: an existing one, LVM Storage, or OpenShift Data Foundation. */
export function storageStep(input: ManagementInput): Step {
  const { storage } = input.cluster;
  return {
    id: 'storage',
    title: 'Storage',
    needs: ['preflight', 'catalogs'],
    phases: () => {
      if (storage === undefined) return [];
      if (storage.kind === 'existing') return [existingPhase(storage.storageClass)];
      if (!storage.install) return [];
      return storage.kind === 'lvms' ? lvmPhases(storage) : odfPhases(storage);
    },
  };
}

/** The StorageClasses that are marked as default; more than one is as wrong as none. */
export function defaultStorageClasses(classes: readonly KubeObject[]): string[] {
  return classes
    .filter(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS] === 'true')
    .map(({ metadata }) => metadata.name);
}

function existingPhase(storageClass: string | undefined): Phase {
  return {
    title: 'existing StorageClass',
    writes: async () => [],
    ready: ({ timeouts }) => [whenStorageClass(storageClass, 'now', timeouts.graceMs)],
  };
}

function whenStorageClass(name: string | undefined, expected: 'now' | 'soon', limitMs: number): Readiness {
  return {
    subject: name === undefined ? 'default StorageClass' : `StorageClass/${name}`,
    limitMs,
    watches: [STORAGE_CLASSES],
    async check(client) {
      const classes = await client.list(STORAGE_CLASSES);
      const names = name === undefined ? defaultStorageClasses(classes) : classes.map(({ metadata }) => metadata.name);
      if (name === undefined ? names.length === 1 : names.includes(name)) return READY;
      if (expected === 'soon') return waiting('not there yet');
      const reason = name === undefined ? `${names.length} StorageClasses are marked as default` : 'does not exist';
      return { state: 'failed', reason, hint: 'set storage in the site file, or mark one class as default' };
    },
  };
}

function lvmPhases(choice: LvmChoice): Phase[] {
  const install: OperatorInstall = {
    package: 'lvms-operator',
    choice,
    namespace: 'openshift-lvm-storage',
    prefers: 'OwnNamespace',
    labels: privileged(),
  };
  const object = async (context: StepContext): Promise<KubeObject> => ({
    apiVersion: 'lvm.topolvm.io/v1alpha1',
    kind: 'LVMCluster',
    metadata: { name: 'lvmcluster', namespace: (await placeOf(context, install)).namespace },
    spec: { storage: { deviceClasses: choice.deviceClasses.map(deviceClass) } },
  });
  const operand: Phase = {
    title: 'LVMCluster',
    async writes(context) {
      const wanted = await object(context);
      // One is all a cluster may have; under another name it is somebody's own.
      const existing = await context.client.list({ apiVersion: wanted.apiVersion, kind: wanted.kind });
      const other = existing.find(({ metadata }) => metadata.name !== wanted.metadata.name);
      if (other === undefined) return [{ how: 'apply', object: wanted }];
      const message = `LVMCluster/${other.metadata.namespace}/${other.metadata.name} is used as it is`;
      context.report({ type: 'warning', code: 'W_CLUSTER', message });
      return [];
    },
    async ready(context) {
      const { timeouts } = context;
      const { apiVersion, kind, metadata } = await object(context);
      const classes = choice.deviceClasses.map(({ name }) => `lvms-${name}`);
      return [
        {
          subject: kind,
          limitMs: timeouts.storageMs,
          watches: [
            { apiVersion, kind, ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }) },
          ],
          check: async (client) => {
            const [live] = await client.list({ apiVersion, kind });
            return live === undefined ? waiting('does not exist yet') : lvmVerdict(live, timeouts.graceMs);
          },
        },
        ...classes.map((name) => whenStorageClass(name, 'soon', timeouts.storageMs)),
      ];
    },
  };
  return [...operatorPhases(install), operand];
}

/** Whether an LVMCluster has its volume groups (LVM Storage, LVMCluster status). */
export function lvmVerdict(live: KubeObject, graceMs: number): Verdict {
  const state = textAt(live, 'status', 'state');
  const unmet = unmetCondition(live, { ResourcesAvailable: 'True', VolumeGroupsReady: 'True' });
  if (state === 'Failed' || state === 'Degraded') {
    const condition = currentCondition(live, 'VolumeGroupsReady') ?? currentCondition(live, 'ResourcesAvailable');
    const detail = condition === undefined ? '' : `: ${describeCondition(condition)}`;
    return { state: 'failed', reason: `${state}${detail}`, hint: 'check the device paths on every node', graceMs };
  }
  if (state !== 'Ready' || valueAt(live, 'status', 'ready') !== true)
    return waiting(`state ${state ?? 'not reported yet'}`);
  return unmet ?? READY;
}

function deviceClass(entry: LvmChoice['deviceClasses'][number]): Record<string, unknown> {
  const selector = {
    ...(entry.paths.length === 0 ? {} : { paths: entry.paths }),
    ...(entry.optionalPaths.length === 0 ? {} : { optionalPaths: entry.optionalPaths }),
    ...(entry.forceWipeDevicesAndDestroyAllData ? { forceWipeDevicesAndDestroyAllData: true } : {}),
  };
  return {
    name: entry.name,
    default: entry.default,
    fstype: entry.fstype,
    thinPoolConfig: entry.thinPool,
    ...(Object.keys(selector).length === 0 ? {} : { deviceSelector: selector }),
    ...(entry.nodeSelector === undefined ? {} : { nodeSelector: entry.nodeSelector }),
  };
}

function odfPhases(choice: OdfChoice): Phase[] {
  const install: OperatorInstall = {
    package: 'odf-operator',
    choice,
    namespace: 'openshift-storage',
    prefers: 'OwnNamespace',
  };
  const ref = async (context: StepContext) => ({
    apiVersion: 'ocs.openshift.io/v1',
    kind: 'StorageCluster',
    namespace: (await placeOf(context, install)).namespace,
    name: 'ocs-storagecluster',
  });
  const operand: Phase = {
    title: 'StorageCluster',
    async writes(context) {
      const { apiVersion, kind, namespace, name } = await ref(context);
      return [
        { how: 'apply', object: { apiVersion, kind, metadata: { name, namespace }, spec: choice.storageCluster } },
      ];
    },
    async ready(context) {
      const wanted = { ReconcileComplete: 'True', Available: 'True', Progressing: 'False', Degraded: 'False' } as const;
      return [
        whenConditions(await ref(context), wanted, {
          limitMs: context.timeouts.storageMs,
          also: (live) => {
            const phase = textAt(live, 'status', 'phase');
            return phase === 'Ready' ? READY : waiting(`phase ${phase ?? 'not reported yet'}`);
          },
        }),
      ];
    },
  };
  return [...operatorPhases(install), operand];
}

/** Labels for namespaces whose pods touch the devices of the node (Kubernetes, "Pod Security Admission"). */
function privileged(): Record<string, string> {
  return Object.fromEntries(
    ['enforce', 'audit', 'warn'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'privileged']),
  );
}
