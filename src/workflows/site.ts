import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ManagementClusterSchema } from '../apply/site-schema.ts';
import { HostedClusterSchema } from '../apply/hosted-cluster-schema.ts';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import { nearMatches } from '../core/near-match.ts';
import { parseYaml } from '../core/yaml.ts';
import { formatPath, knownKeys, valueAt } from '../mirror/image-set-keys.ts';

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

/** A site file with its text as it was written, which travels in a bundle. */
export interface SiteFile {
  readonly site: Site;
  readonly text: string;
}

/**
 * Reads a site file. Throws one `E_CONFIG` that lists every field that is not as it must be, with its path and what is expected
 * there, for unknown keys the nearest known one.
 */
export async function loadSite(path: string): Promise<Site> {
  return (await readSite(path)).site;
}

/** The same with the text. */
export async function readSite(path: string): Promise<SiteFile> {
  const text = await readText(path);
  return { site: parseSite(text, path), text };
}

/** The same for a text; `origin` names it in messages. */
export function parseSite(text: string, origin: string): Site {
  const document = parseYaml(text, origin);
  const parsed = SiteSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const described = parsed.error.issues.flatMap((issue) => describe(issue, document));
  // Several rules may say the same of one field.
  const byLine = new Map(
    described.map((problem) => [`${problem.path || 'the document'}: ${problem.message} (${problem.hint})`, problem]),
  );
  const [lines, problems] = [[...byLine.keys()], [...byLine.values()]];
  throw new AirgapError('E_CONFIG', `${origin}: ${lines.join('\n  ')}`, {
    hint: 'correct the site file; docs/site.example.yaml shows every field',
    data: { problems },
  });
}

interface Problem {
  /** `managementCluster.storage.kind`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
  readonly hint: string;
}

function describe(issue: z.core.$ZodIssue, document: unknown): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(SiteSchema, issue.path);
    return issue.keys.map((key) => {
      const near = nearMatches(key, known)[0];
      const hint = near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${JSON.stringify(near)}?`;
      return { path: formatPath([...issue.path, key]), message: 'unknown key', hint };
    });
  }
  const path = formatPath(issue.path);
  // The library's words without their first ones, which say nothing.
  const expected = issue.message
    .replace(/^(?:Invalid [a-z ]+|Too small|Too big)[:.] */, '')
    .replace(/, received .*$/, '')
    .replace(/^Expected /, 'expected ');
  const value = valueAt(document, issue.path);
  if (value === undefined) return [{ path, message: 'is missing', hint: expected }];
  if (issue.code === 'custom' && typeof value === 'object') {
    return [{ path, message: issue.message, hint: 'the fields below it do not fit together' }];
  }
  return [{ path, message: `can not be ${shown(value)}`, hint: expected }];
}

/** A value in few words; contents of mappings and long texts are nobody's business in a message. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  return typeof value === 'string' && value.length > 60 ? 'this text' : JSON.stringify(value);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_CONFIG', `site file ${path} can not be read: ${systemProblem(code)}`, {
      hint: 'correct --site',
      cause: error,
    });
  }
}
