import { createHash } from 'node:crypto';
import type { KubeObject } from './kube-object.ts';

/** One field that differs. `before` or `after` is undefined when the field is not there. */
export interface Difference {
  /** `spec.image`, `spec.sources[0].name`, `metadata.labels["a.b/c"]`; empty for the whole object. */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Fields that the API server keeps for itself. */
const SERVER_FIELDS: ReadonlySet<string> = new Set([
  'managedFields',
  'resourceVersion',
  'generation',
  'uid',
  'creationTimestamp',
  'selfLink',
]);
/** Holds a copy of a whole object, Secret values included. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** An object as it may be shown: no server fields, no status, values of Secrets as length and digest. */
export function maskedObject(object: KubeObject): KubeObject {
  const { status: _status, metadata, ...rest } = object;
  const shown = Object.fromEntries(Object.entries(metadata).filter(([key]) => !SERVER_FIELDS.has(key)));
  const masked = { ...rest, metadata: shown } as unknown as KubeObject;
  if (object.kind !== 'Secret') return masked;
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).map(([key, value]) => [
      key,
      key === LAST_APPLIED ? describe(value) : value,
    ]),
  );
  return {
    ...masked,
    metadata: { ...masked.metadata, ...(metadata.annotations === undefined ? {} : { annotations }) },
    ...(object['data'] === undefined ? {} : { data: maskValues(object['data'], 'base64') }),
    ...(object['stringData'] === undefined ? {} : { stringData: maskValues(object['stringData'], 'utf8') }),
  };
}

/** Fields in which two objects differ, in the order of the second; a missing first object differs as a whole. */
export function differencesBetween(before: unknown, after: unknown): Difference[] {
  const found: Difference[] = [];
  compare('', before, after, found);
  return found;
}

function compare(path: string, before: unknown, after: unknown, found: Difference[]): void {
  if (isMap(before) && isMap(after)) {
    for (const key of new Set([...Object.keys(after), ...Object.keys(before)])) {
      compare(joinPath(path, key), before[key], after[key], found);
    }
  } else if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index += 1) {
      compare(`${path}[${index}]`, before[index], after[index], found);
    }
  } else if (before !== after) {
    found.push({ path, before, after });
  }
}

function joinPath(path: string, key: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function maskValues(values: unknown, encoding: BufferEncoding): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values as Record<string, string>).map(([key, value]) => [
      key,
      describe(Buffer.from(value, encoding)),
    ]),
  );
}

function describe(value: string | Buffer): string {
  const bytes = Buffer.from(value as string);
  return `(${bytes.length} bytes, sha256:${createHash('sha256').update(bytes).digest('hex').slice(0, 16)})`;
}
