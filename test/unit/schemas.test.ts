import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SCHEMA_FOLDER, schemaFiles } from '../../build/schemas.ts';

test('the published schemas are those the tool uses; npm run schemas writes them', () => {
  const expected = schemaFiles();
  assert.deepEqual(readdirSync(SCHEMA_FOLDER).toSorted(), [...expected.keys()].toSorted());
  for (const [name, text] of expected) assert.equal(readFileSync(join(SCHEMA_FOLDER, name), 'utf8'), text, name);
});

test('every field of a published schema has a type', () => {
  for (const [name, text] of schemaFiles()) {
    const visit = (schema: Record<string, unknown>, path: string): void => {
      const isTyped = ['type', 'const', 'anyOf', 'oneOf', 'enum', '$ref'].some((key) => key in schema);
      assert.ok(isTyped, `${name}: ${path} has no type`);
      const properties = (schema['properties'] ?? {}) as Record<string, Record<string, unknown>>;
      for (const [key, member] of Object.entries(properties)) visit(member, `${path}.${key}`);
      if (schema['items'] !== undefined) visit(schema['items'] as Record<string, unknown>, `${path}[]`);
    };
    visit(JSON.parse(text) as Record<string, unknown>, '$');
  }
});
