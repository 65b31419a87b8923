import { z } from 'zod';
import { nearMatches } from '../core/near-match.ts';

/** A place in a document: keys and list positions. */
type Path = readonly PropertyKey[];

export interface Problem {
  /** `mirror.operators[0].packages[1].name`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

/** `mirror.operators[0].packages[1].name` */
export function formatPath(path: Path): string {
  return path
    .map((step, at) => (typeof step === 'number' ? `[${step}]` : `${at === 0 ? '' : '.'}${String(step)}`))
    .join('');
}

/** Words that were booleans in YAML 1.1, which the vendor tool still reads. */
const YAML_1_1_BOOLEANS: Readonly<Record<string, boolean>> = {
  ...{ y: true, yes: true, on: true },
  ...{ n: false, no: false, off: false },
};

/**
 * A copy with every key written as the schema writes it (the vendor tool ignores case) and without null values (they
 * count as absent). Each changed key or word is a warning; two spellings of one key in one mapping are a problem.
 */
export function canonicalKeys(
  value: unknown,
  schema: unknown,
): { readonly value: unknown; readonly problems: Problem[]; readonly warnings: string[] } {
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const walk = (node: unknown, nodeSchema: unknown, path: Path): unknown => {
    if (Array.isArray(node)) {
      // A null entry reads as an entry with empty fields.
      const element = elementOf(nodeSchema);
      const empty = shapeOf(element) === undefined ? '' : {};
      return node.map((item, index) => walk(item ?? empty, element, [...path, index]));
    }
    const word =
      unwrapped(nodeSchema) instanceof z.ZodBoolean ? YAML_1_1_BOOLEANS[String(node).toLowerCase()] : undefined;
    if (word !== undefined) {
      warnings.push(`${formatPath(path)}: ${String(node)} read as ${String(word)}`);
      return word;
    }
    const shape = shapeOf(nodeSchema);
    if (shape === undefined || typeof node !== 'object' || node === null) return node;
    const canonical = new Map<string, unknown>();
    for (const [written, member] of Object.entries(node)) {
      const key = canonicalKey(written, shape);
      const place = formatPath([...path, written]);
      if (canonical.has(key)) {
        problems.push({ path: place, message: `repeats the key ${JSON.stringify(key)}`, hint: 'remove one of them' });
      }
      if (key !== written) warnings.push(`${place}: read as ${JSON.stringify(key)}`);
      canonical.set(key, member === null ? undefined : walk(member, shape[key], [...path, key]));
    }
    return Object.fromEntries(canonical);
  };
  return { value: walk(value, schema, []), problems, warnings };
}

/** The value at a place, undefined where there is none. */
export function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((node, step) => {
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, step)) return undefined;
    return (node as Record<PropertyKey, unknown>)[step];
  }, root);
}

/** A copy without what the issues complain about; list entries are emptied instead, so that positions stay. */
export function withoutPaths(value: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy = structuredClone(value);
  for (const issue of issues) {
    if (issue.code === 'unrecognized_keys') {
      const node = valueAt(copy, issue.path);
      for (const key of issue.keys) if (typeof node === 'object' && node !== null) Reflect.deleteProperty(node, key);
      continue;
    }
    const parent = valueAt(copy, issue.path.slice(0, -1));
    const step = issue.path.at(-1);
    if (step === undefined || typeof parent !== 'object' || parent === null) continue;
    if (Array.isArray(parent))
      parent[Number(step)] = issue.code === 'invalid_type' && issue.expected === 'object' ? {} : '';
    else Reflect.deleteProperty(parent, step);
  }
  return copy;
}

/** Keys a mapping may have at a place of the schema. */
export function knownKeys(schema: unknown, path: Path): string[] {
  let node = schema;
  for (const step of path) node = typeof step === 'number' ? elementOf(node) : shapeOf(node)?.[String(step)];
  return Object.keys(shapeOf(node) ?? {});
}

/** What to say about a key the schema does not have. `former` maps keys of an older format to their replacement. */
export function unknownKey(path: string, known: readonly string[], former: Readonly<Record<string, string>>): Problem {
  const key = path.slice(path.lastIndexOf('.') + 1);
  if (Object.hasOwn(former, key)) {
    return { path, message: 'key of the former configuration format (v1)', hint: former[key]! };
  }
  const near = nearMatches(key, known)[0];
  if (near !== undefined) return { path, message: 'unknown key', hint: `did you mean ${JSON.stringify(near)}?` };
  return { path, message: 'unknown key', hint: `known here: ${known.join(', ')}` };
}

function canonicalKey(written: string, shape: Readonly<Record<string, unknown>>): string {
  if (Object.hasOwn(shape, written)) return written;
  return Object.keys(shape).find((key) => key.toLowerCase() === written.toLowerCase()) ?? written;
}

function shapeOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  const inner = unwrapped(schema);
  // Of alternatives all keys are known; which belong together is told by the schema itself.
  if (inner instanceof z.ZodUnion) return Object.assign({}, ...inner.options.map(shapeOf)) as Record<string, unknown>;
  return inner instanceof z.ZodObject ? inner.shape : undefined;
}

function elementOf(schema: unknown): unknown {
  const inner = unwrapped(schema);
  return inner instanceof z.ZodArray ? inner.element : undefined;
}

function unwrapped(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return unwrapped(schema.unwrap());
  return schema;
}
