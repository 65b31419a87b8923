import { readHostedCluster } from '../apply/hosted-cluster-reader.ts';
import { readHostedClusterFlags, type FlagValue } from '../apply/hosted-cluster-flags.ts';
import type { HostedClusterOptions } from '../apply/hosted-cluster-options.ts';
import type { KubeconfigSource } from '../apply/kube.ts';
import { AirgapError } from '../core/errors.ts';
import { proxyFor } from '../registry/proxy.ts';
import type { Site } from '../workflows/site.ts';
import type { ClusterRun } from '../workflows/unpack-cluster.ts';
import { proxySettings } from './environment.ts';
import { chosenSteps, listOf, PUSH_STEP, type StepFlags } from './steps.ts';

export interface ClusterFlags extends StepFlags {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly 'dry-run': boolean;
  readonly render: string | undefined;
  readonly yes: boolean;
  readonly 'force-conflicts': boolean;
  readonly 'replace-mirrors': boolean;
  readonly icsp: boolean;
}

/**
 * What to do on the cluster, from site file and flags; undefined when nothing asks for a cluster. Flags win over the site
 * file. Throws `E_USAGE` for steps that can not be, `E_CONFIG` for hosted clusters that are not described well.
 */
export function clusterRun(
  flags: ClusterFlags & Readonly<Record<string, unknown>>,
  site: Site | undefined,
  { env, confirm }: { readonly env: NodeJS.ProcessEnv; readonly confirm: (question: string) => Promise<boolean> },
): ClusterRun | undefined {
  chosenSteps(flags);
  const hosted = hostedClusters(flags, site);
  const kubeconfig = kubeconfigSource(flags, site, env);
  const selection = selectionOf(flags);
  if (selection === 'push-only') return undefined;
  const isAsked =
    site?.managementCluster !== undefined ||
    hosted.length > 0 ||
    [flags.kubeconfig, flags.render, flags.steps, selection.from].some((flag) => flag !== undefined) ||
    flags['dry-run'];
  if (!isAsked) return undefined;
  return {
    managementCluster: site?.managementCluster,
    hosted,
    selection,
    dryRun: flags['dry-run'],
    forceConflicts: flags['force-conflicts'],
    replaceMirrors: flags['replace-mirrors'],
    mirrorForm: flags.icsp ? 'policies' : 'sets',
    confirm: async (question) => flags.yes || confirm(question),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(flags.render === undefined ? {} : { renderTo: flags.render }),
  };
}

/** True unless the flags leave out the push. A dry run and a rendering send nothing. */
export function isPushWanted(flags: ClusterFlags): boolean {
  if (flags['dry-run'] || flags.render !== undefined) return false;
  return chosenSteps(flags).includes(PUSH_STEP);
}

/** Where the kubeconfig is: flag, site file, KUBECONFIG. Its server is reached as the proxy variables of the environment say. */
export function kubeconfigSource(
  flags: Pick<ClusterFlags, 'kubeconfig' | 'context'>,
  site: Site | undefined,
  env: NodeJS.ProcessEnv,
): KubeconfigSource | undefined {
  const chosen = flags.kubeconfig ?? site?.managementCluster?.kubeconfig;
  const files = chosen === undefined ? (env['KUBECONFIG'] ?? '').split(':').filter((file) => file !== '') : [chosen];
  if (files.length === 0) return undefined;
  const context = flags.context ?? site?.managementCluster?.context;
  const proxies = proxySettings(env);
  return {
    files,
    ...(context === undefined ? {} : { context }),
    proxyFor: (server) => proxyFor(server, proxies)?.href,
  };
}

function selectionOf(flags: ClusterFlags): ClusterRun['selection'] | 'push-only' {
  const steps = listOf(flags.steps)?.filter((step) => step !== PUSH_STEP);
  const skip = listOf(flags.skip)?.filter((step) => step !== PUSH_STEP);
  const from = flags['from-step'] === PUSH_STEP ? undefined : flags['from-step'];
  if (flags.steps !== undefined && steps?.length === 0) return 'push-only';
  return {
    ...(steps === undefined ? {} : { steps }),
    ...(skip === undefined ? {} : { skip }),
    ...(from === undefined ? {} : { from }),
  };
}

function hostedClusters(flags: Readonly<Record<string, unknown>>, site: Site | undefined): HostedClusterOptions[] {
  const fromSite = (site?.hostedClusters ?? []).map((input, index) => [input, `hostedClusters[${index}]`] as const);
  const fromFlags = readHostedClusterFlags(flags as Readonly<Record<string, FlagValue | undefined>>);
  if (Object.keys(fromFlags).length === 0) return fromSite.map(([input, where]) => readHostedCluster(input, where));
  const named =
    fromSite.find(([input]) => input.name === fromFlags.name) ?? (fromSite.length === 1 ? fromSite[0] : undefined);
  if (fromFlags.name === undefined && named === undefined) {
    throw new AirgapError('E_USAGE', 'flags for a hosted cluster, but nothing says which one', {
      hint: 'give --name',
    });
  }
  const others = fromSite.filter((entry) => entry !== named);
  return [[{ ...named?.[0], ...fromFlags }, named?.[1] ?? 'the flags'] as const, ...others].map(([input, where]) =>
    readHostedCluster(input, where),
  );
}
