/**
 * The real programs tests run against: where they are found and how they get onto a machine.
 * `node test/support/programs.ts` installs what is missing and can be had; `--require` fails when something can not.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { buildApiServer, fetchCrds } from './apiserver-programs.ts';
import { CACHE_DIR } from './cache-dir.ts';

const BIN_DIR = join(CACHE_DIR, 'bin');

type Recipe = { readonly apt: string } | { readonly goModule: string; readonly env?: Readonly<Record<string, string>> };

/** Program → how to get it. Versions are exact. */
const RECIPES: Readonly<Record<string, Recipe>> = {
  'docker-registry': { apt: 'docker-registry' },
  skopeo: { apt: 'skopeo' },
  registry: { goModule: 'github.com/distribution/distribution/v3/cmd/registry@v3.0.0' },
  crane: { goModule: 'github.com/google/go-containerregistry/cmd/crane@v0.22.1' },
};

/** Absolute path of a program on the PATH or in the cache, or undefined. */
export function findProgram(name: string): string | undefined {
  const folders = [BIN_DIR, ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, name)).find((path) => isExecutable(path));
}

/**
 * The program for a test. When it is missing the test is skipped with a line that says how to get it;
 * with AIRGAP_REQUIRE_REAL=1 (CI) that is a failure.
 */
export function needProgram(test: TestContext, name: string): string | undefined {
  const path = findProgram(name);
  if (path !== undefined) return path;
  const message = `needs the program ${name}: run "npm run components"`;
  if (process.env['AIRGAP_REQUIRE_REAL'] === '1') throw new Error(message);
  test.skip(message);
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function install(recipe: Recipe): void {
  if ('apt' in recipe) {
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', recipe.apt], { stdio: 'inherit' });
    return;
  }
  mkdirSync(BIN_DIR, { recursive: true });
  execFileSync('go', ['install', '-trimpath', recipe.goModule], {
    stdio: 'inherit',
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', ...recipe.env, GOBIN: BIN_DIR },
  });
}

if (import.meta.main) {
  const missing: string[] = [];
  const attempt = (name: string, work: () => void): void => {
    try {
      work();
    } catch (error) {
      missing.push(`${name}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
  };
  for (const [name, recipe] of Object.entries(RECIPES)) {
    if (findProgram(name) === undefined) attempt(name, () => install(recipe));
  }
  attempt('CRDs', fetchCrds);
  attempt('kube-apiserver and etcd', buildApiServer);
  for (const line of missing) process.stderr.write(`not installed: ${line}\n`);
  if (missing.length > 0 && process.argv.includes('--require')) process.exitCode = 1;
}
