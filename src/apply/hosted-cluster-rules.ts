import type { Problem } from './hosted-cluster-fields.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import { checkAnnotations } from './hosted-cluster-annotations.ts';

const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const DOMAIN = /^(?:(?:[a-zA-Z0-9-]+\.)+[a-zA-Z]{2,}|[a-zA-Z0-9-]+)$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;
export const CAPABILITIES = [
  'ImageRegistry',
  'openshift-samples',
  'Insights',
  'baremetal',
  'Console',
  'NodeTuning',
  'Ingress',
] as const;

/** Every rule about a hosted cluster that needs no cluster to be checked, networks apart. */
export function checkRules(options: HostedClusterOptions): Problem[] {
  return [
    ...checkNames(options),
    ...checkDomains(options),
    ...checkKeysAndFiles(options),
    ...checkNetworkType(options),
    ...checkCapabilities(options),
    ...checkInfraCluster(options),
    ...checkLimits(options),
    ...checkAnnotations(options),
    ...checkPools(options),
  ];
}

/**
 * Names of hosted clusters: a DNS label, and no name that the cluster manager would use for a namespace of its own
 * (it imports every hosted cluster as a managed cluster, which owns a namespace of the same name).
 */
function checkNames({ name, namespace, infraId, releaseImage }: HostedClusterOptions): Problem[] {
  const problems: Problem[] = [];
  if (!LABEL.test(name) || name.length > 63) {
    problems.push({
      field: 'name',
      problem: `${JSON.stringify(name)} is no DNS label`,
      fix: 'use lower-case letters, digits and "-", 63 characters at most, no dots',
    });
  }
  if (name === 'clusters' || name === namespace || name === 'local-cluster') {
    problems.push({
      field: 'name',
      problem: `${JSON.stringify(name)} would collide with a namespace of that name`,
      fix: 'choose another name; "clusters", "local-cluster" and the name of the namespace are taken',
    });
  }
  if (!LABEL.test(namespace) || namespace.length > 63) {
    problems.push({
      field: 'namespace',
      problem: `${JSON.stringify(namespace)} is no DNS label`,
      fix: 'use lower-case letters, digits and "-", 63 characters at most',
    });
  }
  if (`${namespace}-${name}`.length > 63) {
    problems.push({
      field: 'name',
      problem: `the control plane's namespace ${namespace}-${name} is longer than 63 characters`,
      fix: 'choose a shorter name or namespace',
    });
  }
  if (infraId !== undefined && (!LABEL.test(infraId) || infraId.length > 253)) {
    problems.push({
      field: 'infraId',
      problem: `${JSON.stringify(infraId)} is no infrastructure id`,
      fix: 'use lower-case letters, digits and "-", or leave it out',
    });
  }
  if (releaseImage !== undefined && (!/^\w\S+$/.test(releaseImage) || releaseImage.length > 253)) {
    problems.push({
      field: 'releaseImage',
      problem: `${JSON.stringify(releaseImage.slice(0, 80))} is no image reference`,
      fix: 'write registry/repository@sha256:…, 253 characters at most, or leave it out',
    });
  }
  return problems;
}

function checkDomains({ baseDomain, baseDomainPrefix, kasDnsName, pausedUntil }: HostedClusterOptions): Problem[] {
  const problems: Problem[] = [];
  for (const [field, domain] of [
    ['baseDomain', baseDomain],
    ['baseDomainPrefix', baseDomainPrefix ?? ''],
    ['kasDnsName', kasDnsName ?? ''],
  ] as const) {
    const isValid = domain.length <= 253 && DOMAIN.test(domain) && (field !== 'kasDnsName' || SUBDOMAIN.test(domain));
    if (domain === '' || isValid) continue;
    problems.push({
      field,
      problem: `${JSON.stringify(domain)} is no domain name`,
      fix: 'write a name such as example.com',
    });
  }
  const isDate = RFC3339.test(pausedUntil ?? '') && !Number.isNaN(Date.parse(pausedUntil!));
  if (pausedUntil !== undefined && pausedUntil !== 'true' && !(isDate && pausedUntil.length <= 35)) {
    problems.push({
      field: 'pausedUntil',
      problem: `${JSON.stringify(pausedUntil)} is neither true nor a date`,
      fix: 'write true or a date such as 2027-01-31T12:00:00Z',
    });
  }
  return problems;
}

function checkKeysAndFiles(options: HostedClusterOptions): Problem[] {
  const problems: Problem[] = [];
  if (options.pullSecretFile === undefined) {
    problems.push({
      field: 'pullSecretFile',
      problem: 'is missing',
      fix: 'name the file with the registry credentials of the hosted cluster',
    });
  }
  if (options.generateSsh && options.sshKeyFile !== undefined) {
    problems.push({
      field: 'generateSsh',
      problem: 'excludes sshKeyFile (--ssh-key)',
      fix: 'give a key or have one made, not both',
    });
  }
  if (options.wait === true && (options.nodePool.replicas ?? 0) < 1) {
    problems.push({
      field: 'wait',
      problem: 'a hosted cluster without nodes is never complete',
      fix: 'set nodePoolReplicas (--node-pool-replicas) to 1 or more',
    });
  }
  return problems;
}

function checkNetworkType(options: HostedClusterOptions): Problem[] {
  const problems: Problem[] = [];
  for (const field of ['disableMultiNetwork', 'allocateNodeCidrs'] as const) {
    if (!options[field] || options.networkType === 'Other') continue;
    problems.push({
      field,
      problem: `is not possible with network type ${options.networkType}`,
      fix: 'set networkType (--network-type) to Other or leave it out',
    });
  }
  const mtu = options.ovnKubernetesMtu;
  if (mtu !== undefined && options.networkType !== 'OVNKubernetes') {
    problems.push({
      field: 'ovnKubernetesMtu',
      problem: `is not possible with network type ${options.networkType}`,
      fix: 'leave it out',
    });
  }
  if (mtu !== undefined && (mtu < 576 || mtu > 9216)) {
    problems.push({ field: 'ovnKubernetesMtu', problem: `${mtu} is out of range`, fix: 'use 576 to 9216' });
  }
  return problems;
}

function checkCapabilities(options: HostedClusterOptions): Problem[] {
  const problems: Problem[] = [];
  const { enableClusterCapabilities: enabled, disableClusterCapabilities: disabled, featureSet } = options;
  for (const field of ['enableClusterCapabilities', 'disableClusterCapabilities'] as const) {
    const unknown = options[field].filter((name) => !CAPABILITIES.some((known) => known === name));
    if (unknown.length === 0) continue;
    problems.push({ field, problem: `${unknown.join(', ')} is not known`, fix: `use ${CAPABILITIES.join(', ')}` });
  }
  const both = enabled.filter((name) => disabled.includes(name));
  if (both.length > 0) {
    problems.push({
      field: 'disableClusterCapabilities',
      problem: `${both.join(', ')} is enabled as well`,
      fix: 'name a capability in one of the two lists',
    });
  }
  if (disabled.includes('Ingress') && !disabled.includes('Console')) {
    problems.push({
      field: 'disableClusterCapabilities',
      problem: 'Ingress without Console',
      fix: 'disable Console too, it needs Ingress',
    });
  }
  if (featureSet !== undefined && !['TechPreviewNoUpgrade', 'DevPreviewNoUpgrade'].includes(featureSet)) {
    problems.push({
      field: 'featureSet',
      problem: `${JSON.stringify(featureSet)} is not known`,
      fix: 'use TechPreviewNoUpgrade or DevPreviewNoUpgrade, or leave it out',
    });
  }
  return problems;
}

function checkInfraCluster(options: HostedClusterOptions): Problem[] {
  const problems: Problem[] = [];
  const { infraKubeconfigFile, infraNamespace } = options;
  if ((infraKubeconfigFile === undefined) !== (infraNamespace === undefined)) {
    problems.push({
      field: infraKubeconfigFile === undefined ? 'infraKubeconfigFile' : 'infraNamespace',
      problem: 'is missing',
      fix: 'give both infraKubeconfigFile (--infra-kubeconfig-file) and infraNamespace (--infra-namespace), or none',
    });
  }
  if (infraNamespace !== undefined && (!LABEL.test(infraNamespace) || infraNamespace.length > 63)) {
    problems.push({
      field: 'infraNamespace',
      problem: `${JSON.stringify(infraNamespace)} is no DNS label`,
      fix: 'name a namespace of the cluster that runs the machines',
    });
  }
  for (const field of ['infraStorageClassMappings', 'infraVolumeSnapshotClassMappings'] as const) {
    if (options[field].length > 50) problems.push({ field, problem: 'more than 50 entries', fix: 'give 50 at most' });
    for (const { infra, guest, group } of options[field]) {
      if (infra !== '' && guest !== '' && group !== '' && !/[/,]/.test(`${infra}${guest}`)) continue;
      problems.push({
        field,
        problem: `${JSON.stringify(`${infra}/${guest}`)} maps nothing`,
        fix: 'name a class on both sides, and a group or none',
      });
    }
  }
  return problems;
}

function checkLimits(options: HostedClusterOptions): Problem[] {
  const problems: Problem[] = [];
  for (const [field, count, limit] of [
    ['podsLabels', Object.keys(options.podsLabels).length, 20],
    ['nodeSelector', Object.keys(options.nodeSelector).length, 20],
    ['tolerations', options.tolerations.length, 25],
  ] as const) {
    if (count > limit) problems.push({ field, problem: `${count} entries`, fix: `give ${limit} at most` });
  }
  for (const field of ['annotations', 'labels', 'podsLabels', 'nodeSelector'] as const) {
    if (Object.keys(options[field]).includes('')) {
      problems.push({ field, problem: 'an empty key', fix: 'write key=value' });
    }
  }
  return problems;
}

function checkPools({ name, additionalNodePools }: HostedClusterOptions): Problem[] {
  const names = [name, ...additionalNodePools.map((pool) => pool.name)];
  return additionalNodePools.flatMap((pool, index) => {
    const field = `additionalNodePools[${index}].name`;
    if (!LABEL.test(pool.name) || pool.name.length > 63) {
      return [{ field, problem: `${JSON.stringify(pool.name)} is no DNS label`, fix: 'use letters, digits and "-"' }];
    }
    if (names.indexOf(pool.name) !== index + 1) {
      return [{ field, problem: `${pool.name} is taken`, fix: 'give every node pool its own name' }];
    }
    return [];
  });
}
