import type { FlagValue } from '../apply/hosted-cluster-flags.ts';
import { OPERATOR_PACKAGE } from '../apply/operator-packages.ts';
import type { DraftAnswers } from '../mirror/image-set-draft.ts';
import { HOSTED_DEFAULTS } from '../apply/hosted-defaults.ts';
import { draftSite, type SiteAnswers } from '../workflows/site-draft.ts';
import { optional, words, type Asker } from './ask.ts';
import { initClusterFlags } from './hosted-cluster-flags.ts';

/** Flags that say something about the site file. */
export const SITE_FLAGS: readonly string[] = [
  ...['site', 'registry', 'registry-ca', 'address-pool'],
  ...Object.keys(initClusterFlags),
];

export interface SiteFlags {
  readonly registry: string | undefined;
  readonly 'registry-ca': readonly string[] | undefined;
  readonly 'address-pool': readonly string[] | undefined;
}

/** Questions about the hosted cluster, by the flags that answer them. */
const CLUSTER_QUESTIONS: readonly { readonly flag: string; readonly text: string; readonly preset?: string }[] = [
  { flag: 'name', text: 'Name of the hosted cluster', preset: HOSTED_DEFAULTS.name },
  { flag: 'base-domain', text: 'Its base domain, empty for that of the management cluster' },
  { flag: 'node-pool-replicas', text: 'Nodes', preset: String(HOSTED_DEFAULTS.nodePoolReplicas) },
  { flag: 'memory', text: 'Memory of a node', preset: HOSTED_DEFAULTS.memory },
  { flag: 'cores', text: 'Cores of a node', preset: String(HOSTED_DEFAULTS.cores) },
  { flag: 'root-volume-storage-class', text: 'Storage class of the nodes, empty for the default one' },
  { flag: 'etcd-storage-class', text: 'Storage class of etcd, empty for the default one' },
  {
    flag: 'pull-secret',
    text: 'File with the pull secret of the hosted cluster',
    preset: HOSTED_DEFAULTS.pullSecretFile,
  },
  { flag: 'ssh-key', text: 'File with the public SSH key for the nodes, empty for none' },
];

/** What the flags say about the far side. */
export function siteAnswers(flags: SiteFlags & Readonly<Record<string, unknown>>): SiteAnswers {
  return {
    registry: flags.registry,
    caFiles: flags['registry-ca'] ?? [],
    addresses: flags['address-pool'] ?? [],
    hosted: Object.fromEntries(
      Object.keys(initClusterFlags).map((flag) => [flag, flags[flag] as FlagValue | undefined]),
    ),
  };
}

/** What the user says; every answer is judged together with those before it. Throws `E_USAGE` for what was given and can not be. */
export async function askSite(given: SiteAnswers, imageSet: DraftAnswers, asker: Asker): Promise<SiteAnswers> {
  let answers = given;
  const judge = (part: Partial<SiteAnswers>): void => void draftSite({ ...answers, ...part }, imageSet, './x');
  // What a flag got wrong no answer can put right.
  judge({});
  const ask = async (text: string, preset: string, partOf: (answer: string) => Partial<SiteAnswers>): Promise<void> => {
    const answer = await asker.ask({ text, preset, check: (answer) => judge(partOf(answer)) });
    answers = { ...answers, ...partOf(answer) };
  };
  await ask('Target registry, HOST[:PORT][/PREFIX], empty to name it later', '', (answer) => ({
    registry: optional(answer),
  }));
  if (answers.registry !== undefined) {
    await ask('File with its CA, empty where its certificate is trusted anyway', given.caFiles.join(' '), (answer) => ({
      caFiles: words(answer),
    }));
  }
  for (const { flag, text, preset = '' } of CLUSTER_QUESTIONS) {
    await ask(text, answers.hosted[flag]?.toString() ?? preset, (answer) => ({
      hosted: { ...answers.hosted, [flag]: optional(answer) },
    }));
  }
  if (imageSet.operators.includes(OPERATOR_PACKAGE.loadBalancer)) {
    const text = 'Addresses for MetalLB, for example 192.0.2.10-192.0.2.40, empty where a load balancer is there';
    await ask(text, given.addresses.join(' '), (answer) => ({ addresses: words(answer) }));
  }
  return answers;
}
