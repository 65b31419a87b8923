import { z } from 'zod';
import { AirgapError } from '../core/errors.ts';
import { quoteForeign } from '../core/quote.ts';
import { parseYaml } from '../core/yaml.ts';

/** Fields by which a kubeconfig makes its reader start a program or read a file (all there are in Kubernetes' v1 format). */
const FIELDS = {
  clusters: ['certificate-authority'],
  users: ['exec', 'auth-provider', 'tokenFile', 'client-certificate', 'client-key'],
} as const;

const entries = z.array(z.unknown()).catch([]);
const KubeconfigSchema = z.looseObject({ clusters: entries, users: entries });

/**
 * Refuses a kubeconfig that came from elsewhere (a Secret, the file for another cluster) and would make this machine start a
 * program or send a file of its own to a server: whoever could write that text would decide which. Throws `E_CONFIG` that
 * names the field. What is no kubeconfig at all is left to who reads it.
 */
export function assertSelfContained(text: string, origin: string): void {
  // Other programs read it as well, and take in what merge keys (`<<`) bring and what stands beside a damaged entry.
  const parsed = KubeconfigSchema.safeParse(parseYaml(text, origin, { mergeKeys: true }));
  if (!parsed.success) return;
  for (const list of ['clusters', 'users'] as const) {
    for (const entry of parsed.data[list].map((one) => Object(one) as Record<string, unknown>)) {
      const kind = list.slice(0, -1);
      const inner = Object(entry[kind]) as Record<string, unknown>;
      const field = FIELDS[list].find((name) => inner[name] !== undefined && inner[name] !== null);
      if (field === undefined) continue;
      const name = quoteForeign(String(entry['name']));
      const message = `the kubeconfig of ${origin} is not taken: ${kind} ${name} has ${field}`;
      throw new AirgapError('E_CONFIG', `${message}, a program or file of the machine that reads it`, {
        hint: 'a kubeconfig that is handed on holds its certificates and credentials itself',
      });
    }
  }
}
