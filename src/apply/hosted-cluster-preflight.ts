import { isIPv4 } from 'node:net';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import { cidrContains, parseCidr } from './cidr.ts';
import { CATALOG_OVERRIDES, overriddenIndexImages, SKIP_RELEASE_VALIDATION } from './hosted-cluster-annotations.ts';
import {
  checkForHostedCluster,
  nodeArchitectures,
  unreachableRanges,
  type ManagementFacts,
} from './hosted-cluster-checks.ts';
import { readManagementFacts } from './hosted-cluster-facts.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import type { HostedClusterPlan } from './hosted-cluster-plan.ts';
import { minorOf, releaseProblems, parseSupportedVersions, SUPPORTED_VERSIONS } from './hosted-cluster-release.ts';
import type { HostedClusterRequest, HostedContext } from './hosted-environment.ts';
import { missingInfraAccess } from './infra-access.ts';
import type { KubeClient } from './kube-client.ts';
import { listAt } from './kube-object.ts';

type Problems = readonly { readonly problem: string; readonly fix: string }[];

/**
 * Everything that has to be true before a hosted cluster is written: names, networks, storage, nodes, the release and its disk image
 * in the mirror, an address of the registry that machines reach. Throws one `E_PREFLIGHT` with all problems; in a dry run, which may
 * come before the operators are installed, they are warnings.
 */
export async function assertReadyForHostedCluster(
  { options, files }: HostedClusterRequest,
  plan: HostedClusterPlan,
  context: HostedContext,
): Promise<void> {
  const facts = await readManagementFacts(context.client);
  const findings = checkForHostedCluster(options, facts);
  const problems = [
    ...(facts.isHyperShiftServed ? [] : [NO_HYPERSHIFT]),
    ...findings.problems,
    ...(await checkRelease(options, plan, facts, context)),
    ...(await checkDiskImage(options, plan, context)),
    ...(await checkOverriddenCatalogs(options, plan, context)),
    ...(await checkRegistryAddress(plan, facts, context)),
    ...(await checkInfraCluster(options, files.infraKubeconfig, context)),
  ];
  const name = `hosted cluster ${options.name}`;
  for (const message of findings.warnings) context.report({ type: 'warning', code: 'W_CLUSTER', message });
  if (context.options.dryRun) {
    for (const { problem, fix } of problems) {
      context.report({ type: 'warning', code: 'E_PREFLIGHT', message: `${name}: ${problem}; ${fix}` });
    }
    return;
  }
  if (problems.length === 0) return;
  throw new AirgapError('E_PREFLIGHT', problems.map(({ problem }) => `${name}: ${problem}`).join('\n'), {
    hint: [...new Set(problems.map(({ fix }) => fix))].join('; '),
    data: { problems },
  });
}

const NO_HYPERSHIFT = {
  problem: 'the cluster does not know hosted clusters',
  fix: 'install the multicluster engine first (step multicluster-engine)',
};

async function checkRelease(
  options: HostedClusterOptions,
  plan: HostedClusterPlan,
  facts: ManagementFacts,
  context: HostedContext,
): Promise<Problems> {
  if (plan.release === undefined) return [];
  const configMap = await context.client.get({ apiVersion: 'v1', kind: 'ConfigMap', ...SUPPORTED_VERSIONS });
  if (configMap === undefined) {
    return facts.isHyperShiftServed
      ? [
          {
            problem: 'ConfigMap/hypershift/supported-versions does not exist',
            fix: 'wait until the HyperShift operator runs',
          },
        ]
      : [];
  }
  const pools = [options.nodePool, ...options.additionalNodePools];
  return releaseProblems(plan.release, {
    ...(options.annotations[SKIP_RELEASE_VALIDATION] === 'true'
      ? {}
      : { supported: parseSupportedVersions(configMap) }),
    architectures: [...new Set([...pools.map(({ arch }) => arch), ...nodeArchitectures(facts)])],
  });
}

/** Machines boot from this image; without it they wait for ever, and nothing says why. */
async function checkDiskImage(
  options: HostedClusterOptions,
  plan: HostedClusterPlan,
  context: HostedContext,
): Promise<Problems> {
  if (plan.release === undefined || (options.nodePool.replicas ?? 0) < 0) return [];
  const { version, diskImage } = plan.release;
  if (diskImage !== undefined && (await context.hosted.imageExists(diskImage))) return [];
  return [
    {
      problem: `the disk image of release ${version} is not on the target registry${diskImage === undefined ? '' : ` (${diskImage})`}`,
      fix: 'mirror it: kubeVirtContainer: true under mirror.platform of the image set',
    },
  ];
}

/** Default catalogs that are redirected have to be there under their own names. */
async function checkOverriddenCatalogs(
  { annotations }: HostedClusterOptions,
  { release }: HostedClusterPlan,
  context: HostedContext,
): Promise<Problems> {
  const overrides = annotations[CATALOG_OVERRIDES];
  if (overrides === undefined || release === undefined) return [];
  const images = overriddenIndexImages(overrides, minorOf(release.version));
  for (const image of images) if (await context.hosted.imageExists(image)) return [];
  return [
    {
      problem: `${CATALOG_OVERRIDES}: ${images[0]} does not exist, nor do older ones`,
      fix: 'mirror the catalogs under their own names and tags, or use olmCatalogPlacement guest',
    },
  ];
}

/** Network policies keep machines away from pod and service addresses of the management cluster. */
async function checkRegistryAddress(
  plan: HostedClusterPlan,
  facts: ManagementFacts,
  context: HostedContext,
): Promise<Problems> {
  const ranges = unreachableRanges(facts).map((cidr) => parseCidr(cidr)!);
  const problems: { problem: string; fix: string }[] = [];
  for (const host of registryHosts(plan)) {
    for (const address of await context.hosted.resolveAddresses(host)) {
      const isInside = ranges.some((range) => (range.family === 4) === isIPv4(address) && cidrContains(range, address));
      if (!isInside) continue;
      problems.push({
        problem: `the registry ${host} has the address ${address} inside the management cluster, which machines do not reach`,
        fix: 'publish the registry through a Route, a load balancer or an address outside the cluster',
      });
    }
  }
  return problems;
}

/** The machines' own cluster: reachable, with the namespace and the rights the operators need there. */
async function checkInfraCluster(
  { infraNamespace }: HostedClusterOptions,
  kubeconfig: Uint8Array | undefined,
  context: HostedContext,
): Promise<Problems> {
  if (infraNamespace === undefined || kubeconfig === undefined) return [];
  const infra = context.hosted.openCluster(Buffer.from(kubeconfig).toString('utf8'), 'infra cluster');
  const missing = await missingInfraAccess(infra, infraNamespace);
  return [
    ...((await isNamespaceMissing(infra, infraNamespace))
      ? [{ problem: `the infra cluster has no namespace ${infraNamespace}`, fix: 'make it before the hosted cluster' }]
      : []),
    ...(missing.length === 0
      ? []
      : [
          {
            problem: `the credentials of the infra cluster may not: ${missing.join('; ')}`,
            fix: 'use an infraKubeconfigFile (--infra-kubeconfig-file) of a user who may',
          },
        ]),
  ];
}

/** A user confined to a namespace may not read it; then it is there. */
async function isNamespaceMissing(infra: KubeClient, name: string): Promise<boolean> {
  try {
    return (await infra.get({ apiVersion: 'v1', kind: 'Namespace', name })) === undefined;
  } catch (error) {
    if (!isAirgapError(error, 'E_UNAUTHORIZED')) throw error;
    return false;
  }
}

/** Host names of the registries hosted nodes pull from. */
function registryHosts(plan: HostedClusterPlan): string[] {
  const cluster = plan.objects.find(({ kind }) => kind === 'HostedCluster');
  const mirrors = listAt(cluster, 'spec', 'imageContentSources').flatMap((entry) =>
    listAt(entry, 'mirrors').map(String),
  );
  const hosts = mirrors.map((reference) =>
    reference
      .split('/')[0]!
      .replace(/:\d+$/, '')
      .replace(/^\[(.*)\]$/, '$1'),
  );
  return [...new Set(hosts.filter((host) => host !== ''))];
}
