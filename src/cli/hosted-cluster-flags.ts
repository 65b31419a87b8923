import * as Flags from '@oclif/core/flags';
import { HOSTED_CLUSTER_FLAGS, isRepeatable, type HostedClusterFlag } from '../apply/hosted-cluster-flags.ts';

const GROUP = 'HOSTED CLUSTER';

/** The flags of the vendor's `create cluster kubevirt`, for one hosted cluster without a site file. */
export const hostedClusterFlags = Object.fromEntries(HOSTED_CLUSTER_FLAGS.map((entry) => [entry.flag, flagFor(entry)]));

function flagFor({ kind, summary, flag }: HostedClusterFlag) {
  const common = { helpGroup: GROUP, description: summary };
  if (kind === 'boolean')
    return Flags.boolean({ ...common, allowNo: flag === 'attach-default-network' || flag === 'wait' });
  if (kind === 'integer') return Flags.integer({ ...common, helpValue: 'N' });
  const helpValue = kind === 'file' ? 'FILE' : 'VALUE';
  if (isRepeatable(kind)) return Flags.string({ ...common, helpValue, multiple: true, multipleNonGreedy: true });
  return Flags.string({ ...common, helpValue });
}
