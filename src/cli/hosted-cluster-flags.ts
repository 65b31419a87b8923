import * as Flags from '@oclif/core/flags';
import { readBoolean } from '../apply/hosted-cluster-flag-values.ts';
import { HOSTED_CLUSTER_FLAGS, isRepeatable, type HostedClusterFlag } from '../apply/hosted-cluster-flags.ts';
import { HOSTED_DEFAULTS } from '../apply/hosted-defaults.ts';

const GROUP = 'HOSTED CLUSTER';

/** The flags of the vendor's `create cluster kubevirt`, for one hosted cluster without a site file. */
export const hostedClusterFlags = Object.fromEntries(HOSTED_CLUSTER_FLAGS.map((entry) => [entry.flag, flagFor(entry)]));

/** What `init` calls by another default than the vendor's tool. */
const INIT_SUMMARIES: Readonly<Record<string, string>> = {
  name: `name of the hosted cluster (${HOSTED_DEFAULTS.name})`,
  'pull-secret': `file with the registry credentials of the hosted cluster (${HOSTED_DEFAULTS.pullSecretFile})`,
  'node-pool-replicas': `nodes of the hosted cluster (${HOSTED_DEFAULTS.nodePoolReplicas})`,
  memory: `memory of a node (${HOSTED_DEFAULTS.memory})`,
  cores: `cores of a node (${HOSTED_DEFAULTS.cores})`,
};
const INIT_FLAGS: readonly string[] = [
  ...['name', 'namespace', 'pull-secret', 'ssh-key', 'base-domain', 'release-image'],
  ...['node-pool-replicas', 'memory', 'cores', 'root-volume-size', 'root-volume-storage-class'],
  ...['control-plane-availability-policy', 'etcd-storage-class', 'etcd-storage-size', 'cluster-cidr', 'service-cidr'],
];

/** Those that `init` takes; all others are written into the site file by hand. */
export const initClusterFlags = Object.fromEntries(
  HOSTED_CLUSTER_FLAGS.filter(({ flag }) => INIT_FLAGS.includes(flag)).map((entry) => [
    entry.flag,
    flagFor({ ...entry, summary: INIT_SUMMARIES[entry.flag] ?? entry.summary }),
  ]),
);

/**
 * The arguments with `--flag=true` and `--flag=false`, as users of the vendor tool write them, in the form our parser knows. It
 * would read both as "on", and the word as a further argument.
 */
export function withBooleanValues(argv: readonly string[]): string[] {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  return argv.map((argument, index) => {
    const match = /^--([^=]+)=(.*)$/s.exec(argument);
    const isBoolean = HOSTED_CLUSTER_FLAGS.some(({ flag, kind }) => kind === 'boolean' && flag === match?.[1]);
    if (match === null || !isBoolean || index >= end) return argument;
    return readBoolean(match[2]!, match[1]!) ? `--${match[1]}` : `--no-${match[1]}`;
  });
}

function flagFor({ kind, summary }: HostedClusterFlag) {
  const common = { helpGroup: GROUP, description: summary };
  if (kind === 'boolean') return Flags.boolean({ ...common, allowNo: true });
  if (kind === 'integer') return Flags.integer({ ...common, helpValue: 'N' });
  const helpValue = kind === 'file' ? 'FILE' : 'VALUE';
  if (isRepeatable(kind)) return Flags.string({ ...common, helpValue, multiple: true, multipleNonGreedy: true });
  return Flags.string({ ...common, helpValue });
}
