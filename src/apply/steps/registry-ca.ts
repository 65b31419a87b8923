import { readCaBundle } from '../../core/certificates.ts';
import type { Change, Write } from '../apply.ts';
import type { KubeClient } from '../kube-client.ts';
import { textAt, textMapAt, type KubeObject, type ObjectRef } from '../kube-object.ts';
import type { ManagementInput } from '../management-input.ts';
import { forecastRollout } from '../rollout-forecast.ts';
import type { Phase, Step, StepContext } from '../step.ts';
import { READY, selectorOf, waiting, type Readiness, type Verdict } from '../wait.ts';

const NAMESPACE = 'openshift-config';
const IMAGE_CONFIG: ObjectRef = { apiVersion: 'config.openshift.io/v1', kind: 'Image', name: 'cluster' };
const PROXY: ObjectRef = { apiVersion: 'config.openshift.io/v1', kind: 'Proxy', name: 'cluster' };
/** Where the machine config operator shows what it delivers to nodes. */
const DELIVERED: ObjectRef = configMapRef('openshift-config-managed', 'merged-trusted-image-registry-ca');
const CONTROLLER: ObjectRef = {
  apiVersion: 'machineconfiguration.openshift.io/v1',
  kind: 'ControllerConfig',
  name: 'machine-config-controller',
};
const NODE_CA: ObjectRef = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  namespace: 'openshift-image-registry',
  name: 'node-ca',
};
const SYNCED = 'machineconfiguration.openshift.io/lastSyncedControllerConfigResourceVersion';
const BUNDLE_KEY = 'ca-bundle.crt';
/** Key of the CA for the update service, which reads the same ConfigMap by this name (OpenShift update service). */
const UPDATE_SERVICE_KEY = 'updateservice-registry';

/**
 * Nodes trust the target registry: its CA goes into the ConfigMap that `image.config` names (re-pointing it would drop the CAs of
 * other registries), general trust into the ConfigMap of the cluster-wide proxy. Ends when the nodes have it.
 */
export function registryCaStep(input: ManagementInput): Step {
  return {
    id: 'registry-ca',
    title: 'Trust in the registry',
    needs: ['preflight', 'pull-secret'],
    phases: (context) => {
      const wanted = wantedKeys(input, context.resources);
      return [
        ...(Object.keys(wanted).length === 0 ? [] : [imageTrust(input, wanted)]),
        ...(input.trustBundle === undefined ? [] : [proxyTrust(input.trustBundle)]),
      ];
    },
  };
}

/** The key of a registry in the CA ConfigMap: the host, and `..port` unless it is 443 (OpenShift, "Image configuration"). */
export function registryCaKey(host: string): string {
  const match = /^(.*):(\d+)$/.exec(host);
  if (match === null) return host;
  return match[2] === '443' ? match[1]! : `${match[1]}..${match[2]}`;
}

/** PEM with the certificates of both, existing ones first; `existing` itself when it has them all. */
export function unionOfPem(existing: string | undefined, added: string, origin: string): string {
  if (existing === undefined || existing.trim() === '') return readCaBundle(added, origin).pem;
  const before = readCaBundle(existing, origin);
  const union = readCaBundle(`${before.pem}\n${added}`, origin);
  return union.certificates.length === before.certificates.length ? existing : union.pem;
}

function imageTrust(input: ManagementInput, wanted: Readonly<Record<string, string>>): Phase {
  return {
    title: 'CA of the registry',
    // ConfigMaps are written before what refers to them.
    async writes({ client }) {
      const name = await configMapName(client, input);
      return [await addKeys(client, name, wanted), apply(IMAGE_CONFIG, { spec: { additionalTrustedCA: { name } } })];
    },
    // Delivered beside the machine configuration, or by a DaemonSet in older releases.
    forecast: ({ client }) => forecastRollout(client, 'none', ['CA certificates of registries']),
    ready: (context, changes) => delivered(context, wanted, changes),
  };
}

function proxyTrust(added: string): Phase {
  return {
    title: 'cluster-wide trust',
    async writes({ client }) {
      const named = textAt(await client.get(PROXY), 'spec', 'trustedCA', 'name');
      const name = named === undefined || named === '' ? 'user-ca-bundle' : named;
      return [await addKeys(client, name, { [BUNDLE_KEY]: added }), apply(PROXY, { spec: { trustedCA: { name } } })];
    },
    // OpenShift, "Updating the CA bundle": no reboot, but the services that read it start again.
    forecast: ({ client }) => forecastRollout(client, 'restart', ['CA certificates of the cluster-wide trust']),
  };
}

function wantedKeys(input: ManagementInput, resources: readonly KubeObject[]): Record<string, string> {
  const keys: Record<string, string> = {};
  for (const { host, certificates } of input.registries) {
    if (certificates === undefined) continue;
    keys[registryCaKey(host)] = certificates;
    if (resources.some(({ kind }) => kind === 'UpdateService')) keys[UPDATE_SERVICE_KEY] = certificates;
  }
  return keys;
}

/** The ConfigMap that is referenced already, else the one of the site file. */
async function configMapName(client: KubeClient, input: ManagementInput): Promise<string> {
  const named = textAt(await client.get(IMAGE_CONFIG), 'spec', 'additionalTrustedCA', 'name');
  return named === undefined || named === '' ? input.cluster.registryTrust.configMap : named;
}

/** Adds certificates to keys of a ConfigMap that may have other keys, and other certificates under the same key. */
async function addKeys(client: KubeClient, name: string, added: Readonly<Record<string, string>>): Promise<Write> {
  const ref = configMapRef(NAMESPACE, name);
  const merge = (data: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(added).map(([key, pem]) => [
        key,
        unionOfPem(data[key], pem, `ConfigMap/${NAMESPACE}/${name} ${key}`),
      ]),
    );
  if ((await client.get(ref)) === undefined) return apply(ref, { data: merge({}) });
  return {
    how: 'merge',
    ref,
    patch: (live) => {
      const data = textMapAt(live, 'data');
      const merged = merge(data);
      return Object.entries(merged).every(([key, pem]) => data[key] === pem) ? undefined : { data: merged };
    },
  };
}

function delivered(
  context: StepContext,
  wanted: Readonly<Record<string, string>>,
  changes: readonly Change[],
): Readiness[] {
  const startedAt = Date.now();
  const hasChanged = changes.some(({ action }) => action !== 'unchanged');
  return [
    {
      subject: 'registry CA on the nodes',
      limitMs: context.timeouts.registryCaMs,
      watches: [selectorOf(DELIVERED), selectorOf(CONTROLLER), { apiVersion: 'v1', kind: 'Node' }],
      async check(client) {
        const shown = await deliveredByMachineConfig(client, wanted);
        if (shown !== undefined) return shown;
        const daemon = await client.get(NODE_CA);
        if (daemon !== undefined && !isRolledOut(daemon)) return waiting('DaemonSet node-ca is not rolled out');
        // Releases that deliver by DaemonSet show nothing on the node; what remains is the time its pods need.
        const settled = !hasChanged || Date.now() - startedAt >= context.timeouts.settleMs;
        return settled ? READY : waiting('giving the nodes time to write the certificate');
      },
    },
  ];
}

/** The verdict where the machine config operator delivers the CA, undefined where it does not. */
async function deliveredByMachineConfig(
  client: KubeClient,
  wanted: Readonly<Record<string, string>>,
): Promise<Verdict | undefined> {
  const config = await client.get(CONTROLLER);
  const nodes = await client.list({ apiVersion: 'v1', kind: 'Node' });
  const managed = nodes.filter(({ metadata }) => metadata.annotations?.[SYNCED] !== undefined);
  if (config === undefined || managed.length === 0) return undefined;
  const merged = await client.get(DELIVERED);
  if (merged !== undefined) {
    const data = textMapAt(merged, 'data');
    const missing = Object.entries(wanted).filter(([key, pem]) => !isDelivered(data[key], pem, key));
    if (missing.length > 0) return waiting(`not taken over yet: ${missing.map(([key]) => key).join(', ')}`);
  }
  const behind = managed.filter(({ metadata }) => metadata.annotations?.[SYNCED] !== config.metadata.resourceVersion);
  if (behind.length === 0) return READY;
  return waiting(
    `${behind.length} of ${managed.length} nodes to go: ${behind.map(({ metadata }) => metadata.name).join(', ')}`,
  );
}

function isDelivered(value: string | undefined, pem: string, key: string): boolean {
  // The update service's key is no registry and is not delivered to nodes.
  if (key === UPDATE_SERVICE_KEY) return true;
  return value !== undefined && value.trim() !== '' && unionOfPem(value, pem, key) === value;
}

function isRolledOut(daemon: KubeObject): boolean {
  const status = daemon['status'] as Record<string, number> | undefined;
  return (status?.['updatedNumberScheduled'] ?? 0) === (status?.['desiredNumberScheduled'] ?? 0);
}

function apply(ref: ObjectRef, fields: Readonly<Record<string, unknown>>): Write {
  const { apiVersion, kind, name, namespace } = ref;
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  return { how: 'apply', object: { apiVersion, kind, metadata, ...fields } };
}

function configMapRef(namespace: string, name: string): ObjectRef {
  return { apiVersion: 'v1', kind: 'ConfigMap', namespace, name };
}
