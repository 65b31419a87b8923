import { boolYaml11Tag, CORE_SCHEMA, dump, loadAll, mergeTag, YAMLException } from 'js-yaml';
import { AirgapError } from './errors.ts';

/**
 * Parses exactly one YAML (or JSON) document; empty ones after it do not count. With `mergeKeys` `<<` takes in the keys of
 * another mapping. Throws `E_CONFIG` that names `origin`, line and column when the text is no YAML, repeats a key,
 * or holds more than one document.
 */
export function parseYaml(text: string, origin: string, options: { readonly mergeKeys?: boolean } = {}): unknown {
  return withOrigin(origin, () => {
    const schema = options.mergeKeys === true ? CORE_SCHEMA.withTags(mergeTag) : CORE_SCHEMA;
    const documents = loadAll(text, { schema });
    if (documents.slice(1).some((document) => document !== null)) {
      throw new AirgapError('E_CONFIG', `${origin}: ${documents.length} YAML documents, expected one`, {
        hint: 'remove the documents after the first "---"',
      });
    }
    return documents[0];
  });
}

/** Parses a stream of YAML documents; empty ones are left out. Throws `E_CONFIG` naming `origin`. */
export function parseYamlStream(text: string, origin: string): unknown[] {
  return withOrigin(origin, () => loadAll(text, { schema: CORE_SCHEMA }).filter((document) => document != null));
}

const KUBERNETES_SCHEMA = CORE_SCHEMA.withTags(mergeTag, boolYaml11Tag);

/**
 * Parses a stream of documents as Kubernetes tools read it: merge keys (`<<`) are expanded, `yes`, `on` and the like are
 * truth values, and of a repeated key the last value counts. For documents we did not ask anyone to write, such as rendered
 * charts and catalogs. Throws `E_CONFIG` naming `origin`.
 */
export function parseManifests(text: string, origin: string): unknown[] {
  const options = { schema: KUBERNETES_SCHEMA, json: true };
  return withOrigin(origin, () => loadAll(text, options).filter((document) => document != null));
}

/**
 * One YAML document. Long strings are never folded (PEM text keeps its lines as a literal block), keys keep
 * their order unless `sortKeys` is set.
 */
export function formatYaml(value: unknown, options: { readonly sortKeys?: boolean } = {}): string {
  return dump(value, { lineWidth: -1, noRefs: true, sortKeys: options.sortKeys ?? false });
}

function withOrigin<T>(origin: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const mark = error.mark as { line: number; column: number } | undefined;
    const place = mark ? `${origin}:${mark.line + 1}:${mark.column + 1}` : origin;
    throw new AirgapError('E_CONFIG', `${place}: ${error.reason}`, {
      hint: 'correct the YAML at this place',
      cause: error,
    });
  }
}
