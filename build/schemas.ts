/**
 * JSON Schemas of what other programs read: `node build/schemas.ts` writes `schemas/*.json` from the schemas the tool itself
 * uses. A unit test fails while they differ.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { LockSchema } from '../src/mirror/lock.ts';
import { PlanFileSchema } from '../src/mirror/plan-file.ts';
import { ErrorResultSchema, RESULT_SCHEMAS } from '../src/workflows/result-schemas.ts';

export const SCHEMA_FOLDER = new URL('../schemas/', import.meta.url).pathname;

const SCHEMAS: Readonly<Record<string, { readonly title: string; readonly schema: z.ZodType }>> = {
  'plan-file.schema.json': { title: 'plan.json in a bundle', schema: PlanFileSchema },
  'lock.schema.json': { title: 'airgap.lock', schema: LockSchema },
  'error.schema.json': { title: 'an error of any command with --json', schema: ErrorResultSchema },
  ...Object.fromEntries(
    Object.entries(RESULT_SCHEMAS).map(([name, schema]) => [
      `${name}.schema.json`,
      { title: `airgap ${name.replace('-', ' ')} --json`, schema },
    ]),
  ),
};

/** File name → text. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(SCHEMAS).map(([name, { title, schema }]) => {
      const { $schema, ...rest } = z.toJSONSchema(schema, { unrepresentable: 'any', override: describeDigests });
      return [name, `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`];
    }),
  );
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
