import { heldAddresses } from '../apply/address-pool.ts';
import { readHostedClusterFlags, type FlagValue } from '../apply/hosted-cluster-flags.ts';
import type { HostedClusterOptions } from '../apply/hosted-cluster-options.ts';
import { readHostedCluster } from '../apply/hosted-cluster-reader.ts';
import type { HostedClusterInput } from '../apply/hosted-cluster-schema.ts';
import { OPERATOR_PACKAGE } from '../apply/operator-packages.ts';
import { parseQuantity } from '../apply/quantity.ts';
import { AddressRangeSchema } from '../apply/site-schema.ts';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import { formatCommentedYaml } from '../core/yaml-comments.ts';
import type { DraftAnswers } from '../mirror/image-set-draft.ts';
import { hostedExpectations } from './cluster-input.ts';
import { HOSTED_DEFAULTS } from '../apply/hosted-defaults.ts';
import { parseTarget } from './push-target.ts';
import { siteComments } from './site-comments.ts';
import { parseSite } from './site.ts';

/** What is asked to draft a site file with one hosted cluster. */
export interface SiteAnswers {
  /** `HOST[:PORT][/PREFIX]`; absent: to be named later, by a flag or in the file. */
  readonly registry?: string | undefined;
  /** CA of that registry. The files need not be there yet. */
  readonly caFiles: readonly string[];
  /** Addresses MetalLB may give away; empty: the cluster has a load balancer. */
  readonly addresses: readonly string[];
  /** Flags of the hosted cluster, by their names. */
  readonly hosted: Readonly<Record<string, FlagValue | undefined>>;
}

/** No node starts with less; mostly a unit was forgotten. */
const LEAST_MEMORY = parseQuantity('1Gi')!;

const ENTRY_ORDER: readonly (keyof HostedClusterInput)[] = [
  ...(['name', 'namespace', 'releaseImage', 'pullSecretFile', 'sshKeyFile'] as const),
  ...(['nodePoolReplicas', 'arch', 'cores', 'memory', 'rootVolumeSize', 'rootVolumeStorageClass'] as const),
  ...(['controlPlaneAvailabilityPolicy', 'etcdStorageSize', 'etcdStorageClass'] as const),
  ...(['clusterCidrs', 'serviceCidrs', 'baseDomain'] as const),
];

/**
 * The site file as commented YAML, which every command accepts as it is; it asks for the operators that `imageSet` brings. `schema`
 * is where editors find its JSON Schema. Throws `E_USAGE` for answers that no cluster accepts.
 */
export function draftSite(answers: SiteAnswers, imageSet: DraftAnswers, schema: string): string {
  return asUsage(() => {
    checkRegistry(answers);
    const hosted: HostedClusterInput = {
      ...HOSTED_DEFAULTS,
      ...archOf(imageSet),
      ...readHostedClusterFlags(answers.hosted),
    };
    const { nodePoolReplicas: nodes = 0 } = hosted;
    // Elsewhere this means "no node pool".
    if (nodes < 0) throw refuse(`--node-pool-replicas: ${nodes} nodes are not possible`, 'give 0 or more');
    const options = readHostedCluster(hosted, 'the hosted cluster');
    if ((parseQuantity(options.nodePool.memory)?.nano ?? 0n) < LEAST_MEMORY.nano) {
      const given = JSON.stringify(options.nodePool.memory);
      throw refuse(`--memory: ${given} is less than any node needs`, 'write a size with its unit, for example 8Gi');
    }
    checkAddresses(answers.addresses, imageSet, options);
    const document = {
      apiVersion: 'airgap/v1alpha1',
      kind: 'Site',
      ...registryOf(answers),
      managementCluster: managementClusterOf(answers, imageSet, options),
      hostedClusters: [entryOf(hosted, options)],
    };
    const { minVersion, maxVersion } = imageSet;
    const comments = siteComments(document, { version: minVersion === maxVersion ? minVersion : undefined });
    const text = `# yaml-language-server: $schema=${schema}\n${formatCommentedYaml(document, comments)}`;
    parseSite(text, 'the draft of the site file');
    return text;
  });
}

function checkRegistry({ registry, caFiles }: SiteAnswers): void {
  if (registry !== undefined) parseTarget(registry);
  else if (caFiles.length > 0) throw refuse('--registry-ca: nothing says which registry it is for', 'give --registry');
  if (caFiles.includes('')) throw refuse('--registry-ca: no file is named', 'name a file, or leave it out');
}

/** The nodes' architecture where it is not the default one. */
function archOf({ architectures }: DraftAnswers): { readonly arch?: string } {
  const [first] = architectures;
  return first === undefined || architectures.includes('amd64') ? {} : { arch: first };
}

function checkAddresses(
  addresses: readonly string[],
  { operators }: DraftAnswers,
  options: HostedClusterOptions,
): void {
  if (addresses.length === 0) return;
  for (const range of addresses) {
    const parsed = AddressRangeSchema.safeParse(range);
    if (parsed.success) continue;
    const problem = parsed.error.issues[0]?.message ?? 'no range';
    throw refuse(
      `--address-pool: ${JSON.stringify(range)} is ${problem}`,
      'write for example 192.0.2.10-192.0.2.40 or 192.0.2.0/28',
    );
  }
  const { addresses: needed } = hostedExpectations([options]);
  if (heldAddresses(addresses) < needed) {
    throw refuse(
      `--address-pool: ${needed} addresses are needed, ${addresses.join(' ')} holds fewer`,
      'give one for the API server, and one more for the applications when there is a base domain',
    );
  }
  if (!operators.includes(OPERATOR_PACKAGE.loadBalancer)) {
    throw refuse(
      `--address-pool: the operator ${OPERATOR_PACKAGE.loadBalancer}, which gives addresses, is not taken`,
      'add it to the operators, or leave the addresses out',
    );
  }
}

function registryOf({ registry, caFiles }: SiteAnswers) {
  if (registry === undefined) return {};
  return { registry: { target: registry, ...(caFiles.length === 0 ? {} : { caFiles: [...caFiles] }) } };
}

/** Only what the bundle brings is installed. */
function managementClusterOf(
  { addresses }: SiteAnswers,
  { operators }: DraftAnswers,
  { nodePool, etcdStorageClass, baseDomain }: HostedClusterOptions,
) {
  const storageClass = nodePool.rootVolumeStorageClass ?? etcdStorageClass;
  return {
    storage: { kind: 'existing', ...(storageClass === undefined ? {} : { storageClass }) },
    virtualization: { install: true },
    loadBalancer:
      addresses.length === 0
        ? { install: false }
        : { install: true, addressPools: [{ name: 'hosted', addresses: [...addresses] }], layer2: true },
    multiclusterEngine: { install: true },
    ...(operators.includes(OPERATOR_PACKAGE.updateService) ? { updateService: { install: true } } : {}),
    ingress: { wildcardRoutes: baseDomain === '' },
  };
}

/** The answers in the order of the file, with the defaults that are worth seeing. */
function entryOf(hosted: HostedClusterInput, options: HostedClusterOptions): HostedClusterInput {
  const entry: HostedClusterInput = {
    namespace: options.namespace,
    rootVolumeSize: options.nodePool.rootVolumeSizeGi,
    controlPlaneAvailabilityPolicy: options.controlPlaneAvailabilityPolicy,
    etcdStorageSize: options.etcdStorageSize,
    clusterCidrs: [...options.clusterCidrs],
    serviceCidrs: [...options.serviceCidrs],
    ...hosted,
  };
  const fields = [...ENTRY_ORDER, ...Object.keys(entry)].filter((field) => field in entry);
  return {
    name: entry.name,
    ...Object.fromEntries(fields.map((field) => [field, entry[field as keyof typeof entry]])),
  };
}

/** What is wrong in a configuration file is a wrong answer here. */
function asUsage<T>(draft: () => T): T {
  try {
    return draft();
  } catch (error) {
    if (!isAirgapError(error) || error.code !== 'E_CONFIG') throw error;
    throw new AirgapError('E_USAGE', error.message, { hint: error.hint ?? 'correct the answer', cause: error });
  }
}

function refuse(message: string, hint: string): AirgapError {
  return new AirgapError('E_USAGE', message, { hint });
}
