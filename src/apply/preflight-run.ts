import { heldAddresses } from './address-pool.ts';
import { conditionsOf, listAt, textAt, valueAt } from './kube-object.ts';
import { isMirrorKind, lintMirrorSets, missingReleaseSources } from './mirror-rules.ts';
import { SUBSCRIPTIONS } from './olm.ts';
import { wantedPackages } from './operator-packages.ts';
import { listPackages } from './package-manifest.ts';
import { describePermissions, missingPermissions, neededPermissions } from './permissions.ts';
import { errorFinding, warningFinding, type Finding, type PreflightQuestion } from './preflight-finding.ts';
import { showsLoadBalancer } from './steps/load-balancer.ts';
import { existingSets, setsAfter } from './steps/mirror-sets.ts';
import { defaultStorageClasses } from './steps/storage.ts';
import { describeCondition } from './wait.ts';

const CONFIG = 'config.openshift.io/v1';

/** Every right the steps of this run need. */
export async function checkPermissions({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const missing = await missingPermissions(client, neededPermissions(input));
  if (missing.length === 0) return [];
  return [
    errorFinding(
      `the user of the kubeconfig may not: ${describePermissions(missing).join('; ')}`,
      'use a kubeconfig of a cluster administrator',
    ),
  ];
}

/** Machine config pools that could not carry mirror sets to the nodes. */
export async function checkPools({ client, resources }: PreflightQuestion): Promise<Finding[]> {
  if (!resources.some(({ kind }) => isMirrorKind(kind))) return [];
  const pools = await client.list({ apiVersion: 'machineconfiguration.openshift.io/v1', kind: 'MachineConfigPool' });
  return pools.flatMap((pool) => {
    const name = `MachineConfigPool/${pool.metadata.name}`;
    const has = (wanted: string) => conditionsOf(pool).find(({ type, status }) => type === wanted && status === 'True');
    const degraded = has('Degraded');
    return [
      ...(valueAt(pool, 'spec', 'paused') === true
        ? [errorFinding(`${name} is paused: mirror sets would never reach its nodes`, 'resume it')]
        : []),
      ...(degraded === undefined ? [] : [warningFinding(`${name}: ${describeCondition(degraded)}`)]),
      ...(has('Updating') === undefined ? [] : [warningFinding(`${name} is in the middle of a roll-out`)]),
    ];
  });
}

/** Rules of the cluster that keep images of the target registries out. */
export async function checkImageConfig({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const image = await client.get({ apiVersion: CONFIG, kind: 'Image', name: 'cluster' });
  const hosts = (field: string) => listAt(image, 'spec', 'registrySources', field).map(String);
  const covers = (pattern: string, host: string) =>
    pattern === host || host.startsWith(`${pattern}/`) || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
  return input.registries.flatMap(({ host, certificates }) => {
    const allowed = hosts('allowedRegistries');
    return [
      ...(allowed.length > 0 && !allowed.some((pattern) => covers(pattern, host))
        ? [
            errorFinding(
              `image.config allows only ${allowed.join(', ')}, not ${host}`,
              'add the registry to spec.registrySources.allowedRegistries',
            ),
          ]
        : []),
      ...(hosts('blockedRegistries').some((pattern) => covers(pattern, host))
        ? [errorFinding(`image.config blocks ${host}`, 'remove it from spec.registrySources.blockedRegistries')]
        : []),
      ...(certificates !== undefined && hosts('insecureRegistries').some((pattern) => covers(pattern, host))
        ? [warningFinding(`image.config lists ${host} as insecure: its CA is not used`)]
        : []),
    ];
  });
}

/** The mirror sets as they will be, those of others included. */
export async function checkMirrorSets({ client, input, resources }: PreflightQuestion): Promise<Finding[]> {
  const existing = await existingSets(client);
  const wanted = resources.filter(({ kind }) => isMirrorKind(kind));
  const all = setsAfter(existing, wanted);
  const policies = existing.filter(({ kind }) => kind === 'ImageContentSourcePolicy');
  const hasDigestSets = all.some(({ kind }) => kind === 'ImageDigestMirrorSet');
  const missing = input.hosted === undefined ? [] : missingReleaseSources(all);
  return [
    ...lintMirrorSets(all).map(({ level, message }) => ({ level, message })),
    ...(policies.length > 0 && hasDigestSets
      ? [
          warningFinding(
            `${policies.map(({ metadata }) => metadata.name).join(', ')}: HyperShift before 4.16 ignores every ImageContentSourcePolicy beside an ImageDigestMirrorSet`,
            'convert the policies: oc adm migrate icsp, apply the result, then remove them',
          ),
        ]
      : []),
    ...(missing.length === 0
      ? []
      : [
          errorFinding(
            `no digest mirror for ${missing.join(' and ')}: HyperShift could not read the release`,
            'mirror a release, or write these two sources out',
          ),
        ]),
  ];
}

/** An operator that no catalog has would be found out only after the nodes have rolled out. */
export async function checkPackages({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const known = new Set([
    ...input.packages.map(({ name }) => name),
    ...(await listPackages(client)).map(({ name }) => name),
    ...(await client.list(SUBSCRIPTIONS)).map((subscription) => textAt(subscription, 'spec', 'name')),
  ]);
  const missing = wantedPackages(input).filter((name) => !known.has(name));
  if (missing.length === 0) return [];
  return [
    errorFinding(
      `to be installed, but neither in the bundle nor in a catalog of the cluster: ${missing.join(', ')}`,
      'add the packages to the image set, or set install: false',
    ),
  ];
}

/** A storage class for what hosted clusters store. */
export async function checkStorage({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const { storage } = input.cluster;
  const isBrought = storage !== undefined && storage.kind !== 'existing' && storage.install;
  const classes = await client.list({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' });
  const named = storage?.kind === 'existing' ? storage.storageClass : undefined;
  if (named !== undefined && !classes.some(({ metadata }) => metadata.name === named)) {
    return [errorFinding(`StorageClass/${named} of the site file does not exist`)];
  }
  if (isBrought || named !== undefined || input.hosted?.needsDefaultStorageClass !== true) return [];
  const defaults = defaultStorageClasses(classes);
  if (defaults.length === 1) return [];
  return [
    errorFinding(
      defaults.length === 0
        ? 'no StorageClass is the default'
        : `${defaults.join(', ')} are all marked as default StorageClass`,
      'mark one, or name the storage classes of etcd and root volumes in the site file',
    ),
  ];
}

/** Without a word about it in the site file nothing is installed; a probe would be a write, so the signs must do. */
export async function checkLoadBalancer({ client, input }: PreflightQuestion): Promise<Finding[]> {
  const { loadBalancer } = input.cluster;
  if (input.hosted === undefined) return [];
  if (loadBalancer?.install === true) {
    const pools = await client.list({ apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool' });
    const own = new Set(loadBalancer.addressPools.map(({ name }) => name));
    const others = pools.filter(({ metadata }) => !own.has(metadata.name));
    const entries = [
      ...loadBalancer.addressPools.flatMap(({ addresses }) => addresses),
      ...others.flatMap((pool) => listAt(pool, 'spec', 'addresses').map(String)),
    ];
    return poolFindings(entries, input.hosted.addresses);
  }
  if (loadBalancer !== undefined || (await showsLoadBalancer(client))) return [];
  return [
    warningFinding(
      'no sign of a load balancer: the API server of a hosted cluster is a Service of type LoadBalancer',
      'set loadBalancer in the site file',
    ),
  ];
}

function poolFindings(entries: readonly string[], needed: number): Finding[] {
  const held = heldAddresses(entries);
  if (held >= needed) return [];
  return [
    errorFinding(
      `the address pools hold ${held} addresses, the hosted clusters need ${needed}`,
      'one for each API server, and one more for each hosted cluster with a base domain',
    ),
  ];
}
