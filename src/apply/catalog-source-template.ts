import { z } from 'zod';
import { isAirgapError } from '../core/errors.ts';
import type { Warning } from '../core/events.ts';
import { parseYaml } from '../core/yaml.ts';
import type { Resource } from './resource-file.ts';

/** The file an operator catalog's `targetCatalogSourceTemplate` names. */
export interface CatalogSourceTemplate {
  /** Where it is from, for messages. */
  readonly origin: string;
  readonly text: string;
}

/** One operator entry of the configuration. */
export interface TemplateEntry {
  readonly catalog: string;
  readonly template?: CatalogSourceTemplate;
}

/** The fields of a CatalogSource a template may set (OLM API, `operators.coreos.com/v1alpha1`). */
const SPEC_FIELDS: ReadonlySet<string> = new Set([
  'address',
  'description',
  'displayName',
  'grpcPodConfig',
  'icon',
  'image',
  'priority',
  'publisher',
  'secrets',
  'sourceType',
  'updateStrategy',
]);

const text = z.string().nullish();
const textMap = z.record(z.string(), z.string()).nullish();

const TemplateSchema = z.looseObject({
  apiVersion: z.literal('operators.coreos.com/v1alpha1'),
  kind: z.literal('CatalogSource'),
  metadata: z.looseObject({ labels: textMap, annotations: textMap }).nullish(),
  spec: z
    .looseObject({
      sourceType: z.enum(['', 'grpc']).nullish(),
      configMap: z.literal('', 'a template with a configMap is no catalog image').nullish(),
      address: text,
      image: text,
      displayName: text,
      description: text,
      publisher: text,
      priority: z.number().int().nullish(),
      secrets: z.array(z.string()).nullish(),
      grpcPodConfig: z.looseObject({}).nullish(),
      updateStrategy: z.looseObject({ registryPoll: z.looseObject({ interval: text }).nullish() }).nullish(),
      icon: z.looseObject({ base64data: text, mediatype: text }).nullish(),
    })
    .nullish(),
});

/** The template of the first entry whose catalog is part of `origin` (oc-mirror behaviour, "CatalogSource"). */
export function chooseTemplate(origin: string, entries: readonly TemplateEntry[]): CatalogSourceTemplate | undefined {
  return entries.find((entry) => origin.includes(entry.catalog))?.template;
}

/**
 * `resource` with what the template adds: labels, annotations and every `spec` field but type and image. A template that
 * is no CatalogSource over gRPC leaves `resource` as it is and gives a warning.
 */
export function applyCatalogSourceTemplate(
  resource: Resource,
  template: CatalogSourceTemplate,
): { readonly resource: Resource; readonly warnings: readonly Warning[] } {
  const read = readTemplate(template);
  if (typeof read === 'string') {
    return { resource, warnings: [warn(`${read}; ${resource.metadata.name} is written without the template`)] };
  }
  const { labels, annotations } = read.metadata ?? {};
  const own = resource['spec'] as Readonly<Record<string, unknown>>;
  const given = Object.entries(read.spec ?? {});
  const kept = given.filter(([name, value]) => SPEC_FIELDS.has(name) && !isEmpty(value));
  const unknown = given.map(([name]) => name).filter((name) => !SPEC_FIELDS.has(name) && name !== 'configMap');
  return {
    resource: {
      ...resource,
      metadata: {
        ...resource.metadata,
        ...(labels == null || Object.keys(labels).length === 0 ? {} : { labels }),
        annotations: { ...annotations, ...resource.metadata.annotations },
      },
      spec: { ...Object.fromEntries(kept.map(([name, value]) => [name, compact(name, value)])), ...own },
    },
    warnings: unknown.map((name) => warn(`${template.origin}: spec.${name} is no field of a CatalogSource, left out`)),
  };
}

/** The parsed template, or what is wrong with it. */
function readTemplate(template: CatalogSourceTemplate): z.infer<typeof TemplateSchema> | string {
  let document: unknown;
  try {
    document = parseYaml(template.text, template.origin);
  } catch (error) {
    if (!isAirgapError(error, 'E_CONFIG')) throw error;
    return error.message;
  }
  const parsed = TemplateSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  return `${template.origin}: ${where}${issue?.message ?? 'no CatalogSource'}`;
}

/** Values the API treats as absent. */
function isEmpty(value: unknown): boolean {
  return value == null || value === '' || value === 0 || (Array.isArray(value) && value.length === 0);
}

/** An icon keeps its non-empty members only; the other fields are taken as they are. */
function compact(name: string, value: unknown): unknown {
  if (name !== 'icon') return value;
  return Object.fromEntries(Object.entries(value as object).filter(([, member]) => !isEmpty(member)));
}

function warn(message: string): Warning {
  return { code: 'W_CONFIG', message };
}
