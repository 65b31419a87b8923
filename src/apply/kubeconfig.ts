import { z } from 'zod';
import { AirgapError } from '../core/errors.ts';
import { formatYaml, parseYaml } from '../core/yaml.ts';
import { assertSelfContained } from './carried-kubeconfig.ts';
import { subjectOf, textAt, textMapAt, type KubeObject } from './kube-object.ts';

const entrySchema = z.looseObject({ name: z.string() });
const kubeconfigSchema = z.looseObject({
  clusters: z.array(entrySchema.extend({ cluster: z.looseObject({}) })).nullish(),
  users: z.array(entrySchema.extend({ user: z.looseObject({}).nullish() })).nullish(),
  contexts: z
    .array(entrySchema.extend({ context: z.looseObject({ cluster: z.string(), user: z.string() }) }))
    .nullish(),
  'current-context': z.string().nullish(),
});

type Kubeconfig = z.infer<typeof kubeconfigSchema>;

/** The admin kubeconfig of one hosted cluster. */
export interface HostedKubeconfig {
  readonly namespace: string;
  readonly name: string;
  /** As it is in the Secret. */
  readonly text: string;
}

/** Where the admin kubeconfig of a hosted cluster is, or undefined while the cluster has not reported it. */
export function kubeconfigSecretName(hostedCluster: KubeObject): string | undefined {
  return textAt(hostedCluster, 'status', 'kubeconfig', 'name');
}

/**
 * The kubeconfig in a Secret, unchanged. Throws a different error for each thing that can be missing:
 * `E_NOT_FOUND` for the Secret, `E_FAILED` for its key; and `E_CONFIG` for one that names a program or file of this machine.
 */
export function readKubeconfigSecret(secret: KubeObject | undefined, hostedCluster: KubeObject): string {
  const { namespace = '', name } = hostedCluster.metadata;
  const secretName = kubeconfigSecretName(hostedCluster);
  if (secretName === undefined) {
    throw new AirgapError('E_NOT_FOUND', `hosted cluster ${name} has no kubeconfig yet`, {
      hint: 'its control plane is not up; see airgap status',
    });
  }
  if (secret === undefined) {
    throw new AirgapError('E_NOT_FOUND', `Secret/${namespace}/${secretName} does not exist`, {
      hint: 'the operator makes it again; see airgap status',
    });
  }
  const encoded = textMapAt(secret, 'data')['kubeconfig'] ?? '';
  if (encoded !== '') {
    const text = Buffer.from(encoded, 'base64').toString('utf8');
    assertSelfContained(text, `hosted cluster ${name}`);
    return text;
  }
  throw new AirgapError('E_FAILED', `${subjectOf(secret)} has no key "kubeconfig"`, {
    hint: 'delete the Secret; the operator makes it again',
  });
}

/**
 * Several hosted clusters in one file: cluster and context are called `<namespace>-<name>`, the user `<namespace>-<name>-admin`;
 * the first is current. Throws `E_CONFIG` when a text is no kubeconfig.
 */
export function combineKubeconfigs(configs: readonly HostedKubeconfig[]): string {
  return formatYaml(
    mergeEntries(
      emptyKubeconfig(),
      configs.map((config) => renamed(config)),
    ),
  );
}

/**
 * Adds hosted clusters to an existing kubeconfig. Entries of the same name are replaced, everything else stays as it is; the
 * current context stays where there is one. Throws `E_CONFIG` when the existing text is no kubeconfig.
 */
export function mergeIntoKubeconfig(existing: string, origin: string, configs: readonly HostedKubeconfig[]): string {
  const base = existing.trim() === '' ? emptyKubeconfig() : parseKubeconfig(existing, origin);
  return formatYaml(
    mergeEntries(
      base,
      configs.map((config) => renamed(config)),
    ),
  );
}

function mergeEntries(base: Kubeconfig, additions: readonly Kubeconfig[]): Kubeconfig {
  return additions.reduce((merged, addition) => {
    const current = merged['current-context'];
    return {
      ...merged,
      clusters: replaceByName(merged.clusters ?? [], addition.clusters ?? []),
      users: replaceByName(merged.users ?? [], addition.users ?? []),
      contexts: replaceByName(merged.contexts ?? [], addition.contexts ?? []),
      'current-context': current ? current : (addition['current-context'] ?? ''),
    };
  }, base);
}

function replaceByName<T extends { readonly name: string }>(list: readonly T[], additions: readonly T[]): T[] {
  const kept = list.filter((entry) => !additions.some(({ name }) => name === entry.name));
  return [...kept, ...additions];
}

function renamed({ namespace, name, text }: HostedKubeconfig): Kubeconfig {
  const label = `${namespace}-${name}`;
  const config = parseKubeconfig(text, `kubeconfig of hosted cluster ${name}`);
  const context = config.contexts?.find((entry) => entry.name === config['current-context']) ?? config.contexts?.[0];
  const cluster = config.clusters?.find((entry) => entry.name === context?.context.cluster);
  const user = config.users?.find((entry) => entry.name === context?.context.user);
  if (context === undefined || cluster === undefined || user === undefined) {
    throw new AirgapError('E_CONFIG', `the kubeconfig of hosted cluster ${name} has no usable context`, {
      hint: 'delete its Secret; the operator makes it again',
    });
  }
  return {
    clusters: [{ ...cluster, name: label }],
    users: [{ ...user, name: `${label}-admin` }],
    contexts: [{ name: label, context: { cluster: label, user: `${label}-admin`, namespace: 'default' } }],
    'current-context': label,
  };
}

function parseKubeconfig(text: string, origin: string): Kubeconfig {
  const parsed = kubeconfigSchema.safeParse(parseYaml(text, origin));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new AirgapError('E_CONFIG', `${origin}: no kubeconfig: ${issue?.path.join('.')}: ${issue?.message}`, {
    hint: 'name a kubeconfig file',
  });
}

function emptyKubeconfig(): Kubeconfig {
  return { apiVersion: 'v1', kind: 'Config', clusters: [], contexts: [], 'current-context': '', users: [] };
}
