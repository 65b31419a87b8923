import { AirgapError } from '../core/errors.ts';
import { parseJsonPath, type Block, type Filter, type Slice, type Step } from './json-path-parse.ts';

/** A parsed template. */
export interface JsonPath {
  readonly template: string;
  readonly blocks: readonly Block[];
}

/** Parses a template in the dialect of `kubectl -o jsonpath`. Throws `E_CONFIG` that names the place. */
export function compileJsonPath(template: string): JsonPath {
  return { template, blocks: parseJsonPath(template) };
}

/**
 * The text the template gives for `data`: values of one action separated by a blank, lists and mappings as JSON, nothing
 * for missing fields. Throws `E_CONFIG` for an index on something that is no list, or out of its bounds.
 */
export function renderJsonPath(path: JsonPath, data: unknown): string {
  try {
    return renderBlocks(path.blocks, data);
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw new AirgapError('E_CONFIG', `JSONPath ${JSON.stringify(path.template)}: ${error.message}`, {
      hint: 'use [*] for all elements, or a filter such as [?(@.name=="x")]',
      cause: error,
    });
  }
}

/** The data has not the shape the path expects. */
class Mismatch extends Error {}

function renderBlocks(blocks: readonly Block[], data: unknown): string {
  return blocks.map((block) => renderBlock(block, data)).join('');
}

function renderBlock(block: Block, data: unknown): string {
  switch (block.kind) {
    case 'literal':
      return block.text;
    case 'action':
      return walk([data], block.steps).map(toText).join(' ');
    case 'range':
      return walk([data], block.over)
        .map((value) => renderBlocks(block.body, value))
        .join('');
  }
}

function toText(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

function walk(values: readonly unknown[], steps: readonly Step[]): readonly unknown[] {
  let current = values;
  for (const step of steps) current = take(current, step);
  return current;
}

function take(values: readonly unknown[], step: Step): readonly unknown[] {
  switch (step.kind) {
    case 'text':
      return [step.text];
    case 'constant':
      return values.map(() => step.value);
    case 'field':
      return values.flatMap((value) => (isMapping(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : []));
    case 'wildcard':
      return values.flatMap(childrenOf);
    case 'descend':
      return values.flatMap(withDescendants);
    case 'slice':
      return values.flatMap((value) => (value == null ? [] : slice(listOf(value), step)));
    case 'union':
      return step.branches.flatMap((branch) => walk(values, branch));
    case 'filter':
      return values.flatMap((value) => listOf(value).filter((element) => passes(element, step)));
  }
}

function slice(list: readonly unknown[], step: Slice): readonly unknown[] {
  const length = list.length;
  let start = step.start ?? 0;
  if (start < 0) start += length;
  let end = step.end ?? length;
  if (end < 0 || (end === 0 && step.single)) end += length;
  if (start === end) return [];
  if (start < 0 || start >= length || end < 0 || end > length || start > end) {
    throw new Mismatch(`index ${step.start ?? 0} is out of bounds, the list has ${length} elements`);
  }
  return list.slice(start, end).filter((_, index) => index % step.step === 0);
}

function passes(element: unknown, filter: Filter): boolean {
  const lefts = walk([element], filter.left);
  if (filter.operator === 'exists') return lefts.length > 0;
  const rights = walk([element], filter.right);
  if (lefts.length > 1 || rights.length > 1) throw new Mismatch('a filter compares one value at a time');
  if (lefts.length === 0 || rights.length === 0) return false;
  return compare(lefts[0], rights[0], filter.operator);
}

/** Values of different types are not equal, and neither is before the other. */
function compare(left: unknown, right: unknown, operator: Exclude<Filter['operator'], 'exists'>): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  const comparable =
    (typeof left === 'number' && typeof right === 'number') || (typeof left === 'string' && typeof right === 'string');
  if (!comparable) return false;
  const [a, b] = [left as number, right as number];
  if (operator === '<') return a < b;
  if (operator === '>') return a > b;
  return operator === '<=' ? a <= b : a >= b;
}

/** The value and all collections below it, parents first. */
function withDescendants(value: unknown): readonly unknown[] {
  const children = childrenOf(value);
  return children.length === 0 ? [] : [value, ...children.flatMap(withDescendants)];
}

function childrenOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isMapping(value) ? Object.values(value) : [];
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Mismatch(`${toText(value).slice(0, 60)} is no list`);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
