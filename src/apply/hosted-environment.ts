import type { HostedClusterFiles } from './hosted-cluster-files.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import type { BundleContent } from './hosted-cluster-plan.ts';
import type { OpenCluster } from './collect-status.ts';
import type { Phase, StepContext } from './step.ts';

/** One hosted cluster to make or to keep up. */
export interface HostedClusterRequest {
  readonly options: HostedClusterOptions;
  readonly files: HostedClusterFiles;
}

/** What the steps about hosted clusters need beside the management cluster. */
export interface HostedEnvironment {
  readonly clusters: readonly HostedClusterRequest[];
  readonly bundle: BundleContent;
  /** True when the target registry holds an image (HEAD of its manifest). */
  readonly imageExists: (reference: string) => Promise<boolean>;
  /** Digest a tag of the target registry names; undefined when there is no such image. */
  readonly resolveDigest: (reference: string) => Promise<string | undefined>;
  /** Addresses a name has where this program runs; empty when it has none. */
  readonly resolveAddresses: (host: string) => Promise<readonly string[]>;
  /** A client for the cluster a kubeconfig text names (hosted, or the one that runs the machines); `origin` is for messages. */
  readonly openCluster: OpenCluster;
}

export interface HostedContext extends StepContext {
  readonly hosted: HostedEnvironment;
}

/** The phases of a step about hosted clusters, as phases that any run can execute. */
export function inEnvironment(phases: readonly Phase<HostedContext>[], hosted: HostedEnvironment): Phase[] {
  return phases.map((phase) => ({
    title: phase.title,
    writes: (context) => phase.writes({ ...context, hosted }),
    forecast: async (context, changes) => (await phase.forecast?.({ ...context, hosted }, changes)) ?? [],
    review: async (context, changes) => phase.review?.({ ...context, hosted }, changes),
    ready: async (context, changes) => (await phase.ready?.({ ...context, hosted }, changes)) ?? [],
  }));
}
