import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ManagementClusterSchema } from '../apply/site-schema.ts';
import { HostedClusterSchema } from '../apply/hosted-cluster-schema.ts';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import { nearMatches } from '../core/near-match.ts';
import { parseYaml } from '../core/yaml.ts';
import { formatPath, knownKeys } from '../mirror/image-set-keys.ts';

/** The target registry of a site. No secret is inline: files only. */
const RegistrySchema = z.strictObject({
  /** `host[:port][/prefix]`. */
  target: z.string().min(1),
  caFiles: z.array(z.string()).default([]),
  authFile: z.string().optional(),
  /** Most path components after the host; 0 for no limit. */
  maxNestedPaths: z.number().int().min(0).default(0),
  concurrency: z.number().int().min(1).max(16).optional(),
});

/** The site file: one document that says what the far side is to look like. Unknown keys are errors. */
export const SiteSchema = z.strictObject({
  apiVersion: z.literal('airgap/v1alpha1'),
  kind: z.literal('Site'),
  registry: RegistrySchema.optional(),
  managementCluster: ManagementClusterSchema.optional(),
  hostedClusters: z.array(HostedClusterSchema).default([]),
});

export type Site = z.infer<typeof SiteSchema>;

/**
 * Reads a site file. Throws one `E_CONFIG` that lists every field that is not as it must be, with its path and a near-miss
 * hint for unknown keys.
 */
export async function loadSite(path: string): Promise<Site> {
  return parseSite(await readText(path), path);
}

/** The same for a text; `origin` names it in messages. */
export function parseSite(text: string, origin: string): Site {
  const parsed = SiteSchema.safeParse(parseYaml(text, origin));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) => describe(issue));
  throw new AirgapError('E_CONFIG', `${origin}: ${problems.map(({ text: line }) => line).join('\n  ')}`, {
    hint: problems.find((problem) => problem.hint !== undefined)?.hint ?? 'correct these fields of the site file',
    data: { problems: problems.map(({ text: line }) => line) },
  });
}

interface Problem {
  readonly text: string;
  readonly hint?: string;
}

function describe(issue: z.core.$ZodIssue): Problem[] {
  if (issue.code !== 'unrecognized_keys') {
    return [{ text: `${formatPath(issue.path) || 'the document'}: ${issue.message}` }];
  }
  const known = knownKeys(SiteSchema, issue.path);
  return issue.keys.map((key) => {
    const near = nearMatches(key, known)[0];
    const hint = near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${JSON.stringify(near)}?`;
    return { text: `${formatPath([...issue.path, key])}: unknown key (${hint})`, hint };
  });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_CONFIG', `site file ${path} can not be read: ${code}`, {
      hint: 'correct --site',
      cause: error,
    });
  }
}
