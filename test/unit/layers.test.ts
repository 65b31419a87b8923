/** The layer rule of ARCHITECTURE.md, read from the import lines of the sources. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import test from 'node:test';

const ROOT = new URL('../../', import.meta.url).pathname;
const MIDDLE = ['mirror', 'bundle', 'registry', 'apply'];
const RANK: Record<string, number> = {
  core: 0,
  oci: 1,
  mirror: 2,
  bundle: 2,
  registry: 2,
  apply: 2,
  workflows: 3,
  cli: 4,
  commands: 5,
};

/** Packages that have exactly one importing file each. */
const SINGLE_IMPORTER: Record<string, string> = {
  'js-yaml': 'src/core/yaml.ts',
  execa: 'src/core/exec.ts',
  tar: 'src/oci/layer.ts',
  'smol-toml': 'src/registry/rewrites.ts',
  '@kubernetes/client-node': 'src/apply/kube.ts',
  '@sigstore/sign': 'src/bundle/keyless.ts',
  ora: 'src/cli/render-tty.ts',
};

interface Import {
  readonly file: string;
  readonly target: string;
}

const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;
const files = globSync('src/**/*.ts', { cwd: ROOT });
const imports: Import[] = files.flatMap((file) =>
  [...readFileSync(join(ROOT, file), 'utf8').matchAll(IMPORT)].map((match) => ({
    file,
    target: match[1] ?? match[2]!,
  })),
);

function layerOf(file: string): string {
  return file.split('/')[1]!;
}

test('there are sources to check', () => {
  assert.ok(files.length > 10);
  assert.ok(imports.length > 20);
});

test('imports point to the same layer or below, and the middle layers do not know each other', () => {
  const wrong = imports
    .filter(({ target }) => target.startsWith('.'))
    .filter(({ file, target }) => {
      const from = layerOf(file);
      const to = layerOf(normalize(join(dirname(file), target)));
      if (MIDDLE.includes(from) && MIDDLE.includes(to)) return from !== to;
      return RANK[to]! > RANK[from]!;
    });
  assert.deepEqual(wrong, []);
});

test('a third-party package has one importing file', () => {
  const wrong = imports.filter(({ file, target }) => target in SINGLE_IMPORTER && SINGLE_IMPORTER[target] !== file);
  assert.deepEqual(wrong, []);
});

test('the environment is read in cli alone, and only cli/command.ts handles signals and the exit code', () => {
  const wrong = files.filter((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    if (/process\.env/.test(text) && layerOf(file) !== 'cli') return true;
    return /process\.(?:exitCode|exit\(|on\('SIG)/.test(text) && file !== 'src/cli/command.ts';
  });
  assert.deepEqual(wrong, []);
});
