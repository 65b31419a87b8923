/** The documentation keeps up: codes, links and command lines are compared with what there is. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const ROOT = new URL('../..', import.meta.url).pathname;
const PAGES = globSync(['*.md', 'docs/**/*.md', 'bench/**/*.md'], { cwd: ROOT }).toSorted();

interface ListedCommand {
  readonly flags: Readonly<Record<string, { readonly char?: string; readonly allowNo?: boolean }>>;
}
const manifest = JSON.parse(read('oclif.manifest.json')) as {
  readonly commands: Readonly<Record<string, ListedCommand>>;
};

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The codes as the sources list them: union types leave nothing to ask at run time. */
function codesIn(path: string, pattern: RegExp): string[] {
  return [...read(path).matchAll(pattern)].map((match) => match[1]!);
}

test('every error and warning code is explained in the troubleshooting page, and no other', () => {
  const errors = codesIn('src/core/errors.ts', /^ {2}(E_[A-Z_]+): \d+,$/gm);
  const warnings = codesIn('src/core/events.ts', /^ {2}\| '(W_[A-Z_]+)'/gm);
  assert.ok(errors.length > 20 && warnings.length > 10);
  const page = 'docs/troubleshooting.md';
  assert.deepEqual(codesIn(page, /^### (E_[A-Z_]+)$/gm).toSorted(), errors.toSorted());
  assert.deepEqual(codesIn(page, /^\| `(W_[A-Z_]+)`/gm).toSorted(), warnings.toSorted());
});

test('every relative link leads to a file, and to a heading where it names one', () => {
  const broken = PAGES.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => match[1]!)
      .filter((target) => !/^[a-z]+:/.test(target) && !leadsSomewhere(page, target))
      .map((target) => `${page}: ${target}`),
  );
  assert.deepEqual(broken, []);
});

function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', heading] = target.split('#');
  const file = path === '' ? page : join(dirname(page), decodeURI(path));
  if (!existsSync(join(ROOT, file))) return false;
  return heading === undefined || anchorsOf(read(file)).includes(heading);
}

function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('every trap has its page in the index', () => {
  const pages = globSync('docs/traps/*.md', { cwd: ROOT }).map((path) => path.replace('docs/traps/', ''));
  const linked = codesIn('docs/traps/README.md', /\]\(([a-z-]+\.md)\)/g);
  assert.deepEqual([...linked, 'README.md'].toSorted(), pages.toSorted());
});

test('command lines in the documentation name commands and flags that exist', () => {
  const lines = PAGES.filter((page) => page === 'README.md' || page.startsWith('docs/')).flatMap((page) =>
    commandLines(read(page)).map((line) => ({ page, line })),
  );
  assert.ok(lines.length > 40);
  const wrong = lines.flatMap(({ page, line }) => problemsOf(line).map((problem) => `${page}: ${line}: ${problem}`));
  assert.deepEqual(wrong, []);
});

/** `airgap …` in code blocks and in code within text, also in the middle of a line, up to a pipe, redirection or comment. */
function commandLines(text: string): string[] {
  const code = [...text.matchAll(/```[^\n]*\n([^]*?)```|`([^`]+)`/g)].map((match) => match[1] ?? match[2]!);
  return code.flatMap((part) =>
    part
      .replaceAll(/\\\n/g, ' ')
      .split('\n')
      .flatMap((line) => [...line.matchAll(/(?:^|[\s(])airgap ([a-z][^|>#)]*)/g)].map((match) => match[1]!.trim())),
  );
}

function problemsOf(line: string): string[] {
  const words = line.split(/\s+/);
  const ids = Object.keys(manifest.commands);
  const id = [`${words[0]}:${words[1]}`, words[0]!].find((candidate) => ids.includes(candidate));
  if (id === undefined) return ['no such command'];
  const flags = manifest.commands[id]!.flags;
  const spellings = Object.entries(flags).flatMap(([name, { char, allowNo }]) => [
    `--${name}`,
    ...(allowNo === true ? [`--no-${name}`] : []),
    ...(char === undefined ? [] : [`-${char}`]),
  ]);
  return words
    .map((word) => word.split('=')[0]!)
    .filter((word) => /^--?[a-zA-Z]/.test(word) && word !== '--help' && !spellings.includes(word))
    .map((word) => `no flag ${word}`);
}

test('flags named in the text exist', () => {
  const known = new Set(
    Object.values(manifest.commands).flatMap(({ flags }) => Object.keys(flags).flatMap((name) => [name, `no-${name}`])),
  );
  // Of other programs, and of the HyperShift operator.
  const foreign = [
    'help',
    'ignore-missing',
    'insecure-ignore-tlog',
    'enable-uwm-telemetry-remote-write',
    'cache-dir',
    'recursive',
  ];
  const wrong = PAGES.filter((page) => page === 'README.md' || page.startsWith('docs/')).flatMap((page) =>
    [...read(page).matchAll(/`--([a-z][a-zA-Z0-9-]*)/g)]
      .map((match) => match[1]!)
      .filter((name) => !known.has(name) && !foreign.includes(name))
      .map((name) => `${page}: --${name}`),
  );
  assert.deepEqual(wrong, []);
});
