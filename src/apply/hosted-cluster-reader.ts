import type { ZodError } from 'zod';
import { AirgapError } from '../core/errors.ts';
import { labelOf } from './hosted-cluster-flags.ts';
import { readFields, type Problem } from './hosted-cluster-fields.ts';
import { checkNetworks } from './hosted-cluster-networks.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import { checkRules } from './hosted-cluster-rules.ts';
import { readNodePoolOptions } from './hosted-node-pool-options.ts';
import { HostedClusterSchema, type HostedClusterInput, type TolerationInput } from './hosted-cluster-schema.ts';

/**
 * Reads one hosted cluster from the site file or from flags. Guarantees that everything that can be known without a cluster
 * is right; throws one `E_CONFIG` that lists every field that is not, with what to do about it.
 * (HyperShift API reference, "HostedCluster" and "NodePool"; rules of `hcp create cluster kubevirt`.)
 */
export function readHostedCluster(input: unknown, where: string): HostedClusterOptions {
  const parsed = HostedClusterSchema.safeParse(input);
  if (!parsed.success) throw shapeError(parsed.error, where);
  const problems: Problem[] = [];
  const options = withDefaults(parsed.data, problems);
  problems.push(...checkRules(options), ...checkNetworks(options));
  if (problems.length > 0) throw problemsError(problems, where);
  return options;
}

function withDefaults(input: HostedClusterInput, problems: Problem[]): HostedClusterOptions {
  const fields = readFields(problems);
  const dual = input.defaultDual === true;
  if (dual && (input.clusterCidrs !== undefined || input.serviceCidrs !== undefined)) {
    problems.push({
      field: 'defaultDual',
      problem: 'excludes clusterCidrs (--cluster-cidr) and serviceCidrs (--service-cidr)',
      fix: 'give either the ranges or defaultDual',
    });
  }
  const { name, baseDomainPrefix } = input;
  return {
    name,
    namespace: input.namespace ?? 'clusters',
    ...fields.optionalTexts(input, [
      'releaseImage',
      'pullSecretFile',
      'sshKeyFile',
      'additionalTrustBundleFile',
      'imageContentSourcesFile',
      'infraKubeconfigFile',
      'infraNamespace',
      'infraId',
      'kasDnsName',
      'featureSet',
    ]),
    generateSsh: input.generateSsh ?? false,
    imageContentSources: input.imageContentSources ?? [],
    tagMirrors: input.tagMirrors ?? false,
    infraStorageClassMappings: input.infraStorageClassMappings ?? [],
    infraVolumeSnapshotClassMappings: input.infraVolumeSnapshotClassMappings ?? [],
    baseDomain: input.baseDomain ?? '',
    // The vendor tool's word for "no prefix at all".
    ...(baseDomainPrefix ? { baseDomainPrefix: baseDomainPrefix === 'none' ? '' : baseDomainPrefix } : {}),
    controlPlaneAvailabilityPolicy:
      fields.oneOf('controlPlaneAvailabilityPolicy', input.controlPlaneAvailabilityPolicy, [
        'HighlyAvailable',
        'SingleReplica',
      ]) ?? 'HighlyAvailable',
    ...fields.optional(
      'infraAvailabilityPolicy',
      fields.oneOf('infraAvailabilityPolicy', input.infraAvailabilityPolicy, ['HighlyAvailable', 'SingleReplica']),
    ),
    clusterCidrs: fields.cidrs(
      'clusterCidrs',
      input.clusterCidrs ?? (dual ? ['10.132.0.0/14', 'fd01::/48'] : ['10.132.0.0/14']),
    ),
    serviceCidrs: fields.cidrs(
      'serviceCidrs',
      input.serviceCidrs ?? (dual ? ['172.31.0.0/16', 'fd02::/112'] : ['172.31.0.0/16']),
    ),
    machineCidrs: fields.cidrs('machineCidrs', input.machineCidrs ?? []),
    networkType:
      fields.oneOf('networkType', input.networkType, ['OVNKubernetes', 'OpenShiftSDN', 'Calico', 'Other']) ??
      'OVNKubernetes',
    disableMultiNetwork: input.disableMultiNetwork ?? false,
    allocateNodeCidrs: input.allocateNodeCidrs ?? false,
    // The vendor tool's zero means "detect it".
    ...fields.optional('ovnKubernetesMtu', input.ovnKubernetesMtu === 0 ? undefined : input.ovnKubernetesMtu),
    ...fields.optional('etcdStorageClass', fields.objectName('etcdStorageClass', input.etcdStorageClass)),
    etcdStorageSize: fields.quantity('etcdStorageSize', input.etcdStorageSize) ?? '8Gi',
    ...fields.optional(
      'olmCatalogPlacement',
      fields.oneOfAnyCase('olmCatalogPlacement', input.olmCatalogPlacement, ['management', 'guest']),
    ),
    ...fields.optional('olmDisableDefaultSources', input.olmDisableDefaultSources),
    annotations: input.annotations ?? {},
    labels: input.labels ?? {},
    podsLabels: input.podsLabels ?? {},
    nodeSelector: input.nodeSelector ?? {},
    tolerations: (input.tolerations ?? []).map((toleration) => readToleration(toleration, fields)),
    fips: input.fips ?? false,
    disableClusterCapabilities: input.disableClusterCapabilities ?? [],
    enableClusterCapabilities: input.enableClusterCapabilities ?? [],
    ...fields.optional('pausedUntil', input.pausedUntil === '' ? undefined : input.pausedUntil?.toString()),
    ...fields.optional('wait', input.wait),
    ...fields.optional('timeoutMs', fields.milliseconds('timeout', input.timeout)),
    nodePool: readNodePoolOptions(input, fields),
    additionalNodePools: (input.additionalNodePools ?? []).map((pool, index) => ({
      name: pool.name,
      ...readNodePoolOptions(pool, readFields(problems, `additionalNodePools[${index}].`)),
    })),
  };
}

function readToleration(toleration: TolerationInput, fields: ReturnType<typeof readFields>): TolerationInput {
  const operator = fields.oneOfAnyCase('tolerations', toleration.operator, ['Exists', 'Equal']);
  const effect = fields.oneOfAnyCase('tolerations', toleration.effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']);
  const { operator: _operator, effect: _effect, ...rest } = toleration;
  return {
    ...rest,
    ...(operator === undefined ? {} : { operator }),
    ...(effect === undefined ? {} : { effect }),
  };
}

function shapeError(error: ZodError, where: string): AirgapError {
  const problems = error.issues.map((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : undefined;
    return {
      field: [...issue.path.map(String), ...(unknown === undefined ? [] : [unknown])].join('.'),
      problem: unknown === undefined ? issue.message : 'is no field of a hosted cluster',
      fix: unknown === undefined ? 'correct the value' : 'correct the spelling or remove it',
    };
  });
  return problemsError(problems, where);
}

function problemsError(problems: readonly Problem[], where: string): AirgapError {
  const lines = problems.map(({ field, problem }) => `${where}: ${labelOf(field)}: ${problem}`);
  const fixes = [...new Set(problems.map(({ fix }) => fix))];
  return new AirgapError('E_CONFIG', lines.join('\n'), { hint: fixes.join('; '), data: { problems } });
}
