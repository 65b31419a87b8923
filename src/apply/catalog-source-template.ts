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

/** The fields of `spec.grpcPodConfig`. */
const POD_FIELDS: ReadonlySet<string> = new Set([
  'affinity',
  'extractContent',
  'memoryTarget',
  'nodeSelector',
  'priorityClassName',
  'securityContextConfig',
  'tolerations',
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
      grpcPodConfig: z
        .looseObject({ extractContent: z.looseObject({ cacheDir: text, catalogDir: text }).nullish() })
        .nullish(),
      updateStrategy: z.looseObject({ registryPoll: z.looseObject({ interval: text }).nullish() }).nullish(),
      icon: z.looseObject({ base64data: text, mediatype: text }).nullish(),
    })
    .nullish(),
});

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
  const unknown = [
    ...given.map(([name]) => name).filter((name) => !SPEC_FIELDS.has(name) && name !== 'configMap'),
    ...Object.keys(read.spec?.grpcPodConfig ?? {})
      .filter((name) => !POD_FIELDS.has(name))
      .map((name) => `grpcPodConfig.${name}`),
  ];
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

/** Inside an icon and a pod configuration the fields the API has are kept, empty ones left out; others stay as they are. */
function compact(name: string, value: unknown): unknown {
  if (name === 'icon') return fieldsOf(value, (_, member) => !isEmpty(member));
  if (name !== 'grpcPodConfig') return value;
  const pod = fieldsOf(
    value,
    (field, member) => POD_FIELDS.has(field) && !isEmpty(member) && !isEmptyMap(field, member),
  );
  const content = pod['extractContent'] as { readonly cacheDir?: string; readonly catalogDir?: string } | undefined;
  if (content === undefined) return pod;
  return { ...pod, extractContent: { cacheDir: content.cacheDir ?? '', catalogDir: content.catalogDir ?? '' } };
}

function fieldsOf(value: unknown, isKept: (name: string, member: unknown) => boolean): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value as object).filter(([name, member]) => isKept(name, member)));
}

function isEmptyMap(name: string, member: unknown): boolean {
  return name === 'nodeSelector' && Object.keys(member as object).length === 0;
}

function warn(message: string): Warning {
  return { code: 'W_CONFIG', message };
}
