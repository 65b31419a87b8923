import { collectStatus, type StatusReport } from '../apply/collect-status.ts';
import { createKubeClient } from '../apply/kube-client.ts';
import { openKubeConnection, type KubeconfigSource } from '../apply/kube.ts';
import type { HostedKubeconfig } from '../apply/kubeconfig.ts';
import { readHostedKubeconfig, readHostedKubeconfigs } from '../apply/read-kubeconfig.ts';
import type { RunContext } from '../core/events.ts';
import { clusterOpener, resolveAddresses } from './cluster.ts';

export interface Status {
  read(wanted: { readonly name?: string; readonly namespace?: string }): Promise<StatusReport>;
  close(): void;
}

/** The state of the hosted clusters of a management cluster; every `read` asks anew. */
export function openStatus(kubeconfig: KubeconfigSource, ctx: RunContext): Status {
  const connection = openKubeConnection(kubeconfig);
  const client = createKubeClient(connection, ctx);
  return {
    read: (wanted) => collectStatus(client, clusterOpener(ctx), { ...wanted, resolve: resolveAddresses }),
    close: () => connection.close(),
  };
}

/** Admin kubeconfigs of hosted clusters: of one by name, or of all. Throws `E_NOT_FOUND` when there is none yet. */
export async function readKubeconfigs(
  kubeconfig: KubeconfigSource,
  wanted: { readonly name?: string; readonly namespace?: string },
  ctx: RunContext,
): Promise<{ readonly configs: readonly HostedKubeconfig[]; readonly skipped: readonly string[] }> {
  const connection = openKubeConnection(kubeconfig);
  try {
    const client = createKubeClient(connection, ctx);
    if (wanted.name === undefined) return await readHostedKubeconfigs(client, wanted.namespace);
    return { configs: [await readHostedKubeconfig(client, wanted.name, wanted.namespace)], skipped: [] };
  } finally {
    connection.close();
  }
}
