/**
 * JSON Schemas of what other programs read and people write: `node build/schemas.ts [FOLDER]` (npm run schemas) writes them
 * from the schemas the tool itself uses. A test fails while `schemas/` differs.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ImageSetSchema } from '../src/mirror/image-set-schema.ts';
import { LockSchema } from '../src/mirror/lock.ts';
import { PlanFileSchema } from '../src/mirror/plan-file.ts';
import { ReceiptSchema } from '../src/workflows/receipt.ts';
import { ErrorResultSchema, RESULT_SCHEMAS } from '../src/workflows/result-schemas.ts';
import { SiteSchema } from '../src/workflows/site.ts';

export const SCHEMA_FOLDER = new URL('../schemas/', import.meta.url).pathname;

interface Published {
  readonly title: string;
  readonly schema: z.ZodType;
  /** People write it: what has a default may be left out. */
  readonly isWritten?: true;
  /** Members of one value only, which the schema itself leaves to rules with better messages. */
  readonly constants?: Readonly<Record<string, string>>;
}

const DOCUMENTS: Readonly<Record<string, Published>> = {
  'imageset.schema.json': {
    title: 'ImageSetConfiguration',
    schema: ImageSetSchema,
    isWritten: true,
    constants: { apiVersion: 'mirror.openshift.io/v2alpha1', kind: 'ImageSetConfiguration' },
  },
  'site.schema.json': { title: 'the site file', schema: SiteSchema, isWritten: true },
  'receipt.schema.json': { title: 'receipt of airgap unpack and airgap mirror', schema: ReceiptSchema },
  'plan-file.schema.json': { title: 'plan.json in a bundle', schema: PlanFileSchema },
  'lock.schema.json': { title: 'airgap.lock', schema: LockSchema },
};

/** `<command>.schema.json` for every `--json` result, and `error.schema.json`. */
const RESULTS: Readonly<Record<string, Published>> = Object.fromEntries(
  [...Object.entries(RESULT_SCHEMAS), ['error', ErrorResultSchema] as const].map(([name, schema]) => [
    `${name}.schema.json`,
    { title: `airgap ${name.replace('-', ' ')} --json`, schema },
  ]),
);

/** File name → text. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries({ ...DOCUMENTS, ...RESULTS }).map(([name, { title, schema, isWritten, constants }]) => {
      const { $schema, ...rest } = z.toJSONSchema(schema, {
        unrepresentable: 'any',
        override: describeDigests,
        // draft-7 is the newest that the language servers of editors read in full.
        ...(isWritten === true ? { io: 'input', target: 'draft-7' } : { io: 'output' }),
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
  const folder = process.argv[2] ?? SCHEMA_FOLDER;
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of schemaFiles()) writeFileSync(join(folder, name), text);
}
