/** Writes JSON Schema of every `--json` result and of errors: `node build/schemas.ts FOLDER` (npm run schemas). */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ErrorResultSchema, RESULT_SCHEMAS } from '../src/workflows/result-schemas.ts';

const folder = process.argv[2] ?? new URL('../schemas', import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
for (const [name, schema] of [...Object.entries(RESULT_SCHEMAS), ['error', ErrorResultSchema]] as const) {
  // Digests are checked by code of ours, which JSON Schema can not say.
  const document = {
    title: `airgap ${name.replace('-', ' ')} --json`,
    ...z.toJSONSchema(schema, { unrepresentable: 'any' }),
  };
  writeFileSync(join(folder, `${name}-result.json`), `${JSON.stringify(document, null, 2)}\n`);
}
