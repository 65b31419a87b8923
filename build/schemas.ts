/**
 * JSON Schemas of what other programs read: `node build/schemas.ts` writes `schemas/*.json` from the schemas the tool itself
 * uses. A unit test fails while they differ.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ImageSetSchema } from '../src/mirror/image-set-schema.ts';
import { LockSchema } from '../src/mirror/lock.ts';
import { PlanFileSchema } from '../src/mirror/plan-file.ts';
import { PlanReportSchema } from '../src/workflows/plan-report.ts';

export const SCHEMA_FOLDER = new URL('../schemas/', import.meta.url).pathname;

interface Published {
  readonly title: string;
  readonly schema: z.ZodType;
  /** What people write, not what is read from it: nothing that has a default is demanded. */
  readonly isInput?: true;
  /** Members of one value only, which the schema itself leaves to rules with better messages. */
  readonly constants?: Readonly<Record<string, string>>;
}

const SCHEMAS: Readonly<Record<string, Published>> = {
  'imageset.schema.json': {
    title: 'ImageSetConfiguration',
    schema: ImageSetSchema,
    isInput: true,
    constants: { apiVersion: 'mirror.openshift.io/v2alpha1', kind: 'ImageSetConfiguration' },
  },
  'plan.schema.json': { title: 'airgap plan --json', schema: PlanReportSchema },
  'plan-file.schema.json': { title: 'plan.json in a bundle', schema: PlanFileSchema },
  'lock.schema.json': { title: 'airgap.lock', schema: LockSchema },
};

/** File name → text. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(SCHEMAS).map(([name, { title, schema, isInput, constants }]) => {
      const { $schema, ...rest } = z.toJSONSchema(schema, {
        unrepresentable: 'any',
        override: describeDigests,
        io: isInput === true ? 'input' : 'output',
        // The newest that the language servers of editors read in full.
        ...(isInput === true ? { target: 'draft-7' } : {}),
      });
      const document = { $schema, title, ...rest, ...(constants === undefined ? {} : withConstants(rest, constants)) };
      return [name, `${JSON.stringify(document, null, 2)}\n`];
    }),
  );
}

function withConstants({ properties = {} }: z.core.JSONSchema.BaseSchema, constants: Record<string, string>): object {
  const fixed = Object.entries(constants).map(([key, value]) => [key, { type: 'string', const: value }]);
  return { properties: { ...properties, ...Object.fromEntries(fixed) }, required: Object.keys(constants) };
}

/** Digests are checked by code; their form as text is this. */
function describeDigests({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: object }): void {
  if (zodSchema._zod.def.type !== 'custom') return;
  Object.assign(jsonSchema, { type: 'string', pattern: '^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$' });
}

if (import.meta.main) {
  mkdirSync(SCHEMA_FOLDER, { recursive: true });
  for (const [name, text] of schemaFiles()) writeFileSync(join(SCHEMA_FOLDER, name), text);
}
