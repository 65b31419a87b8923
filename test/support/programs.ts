/**
 * The real programs tests run against: where they are found and how they get onto a machine.
 * `node test/support/programs.ts` installs what is missing and can be had; `--require` fails when something can not.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { buildApiServer, fetchCrds } from './apiserver-programs.ts';
import { CACHE_DIR } from './cache-dir.ts';

const BIN_DIR = join(CACHE_DIR, 'bin');

type Recipe =
  | { readonly apt: string | readonly string[] }
  /** One program out of a package of another Debian release, taken with apt's own means and not installed. */
  | { readonly debian: DebianProgram }
  | { readonly goModule: string; readonly env?: Readonly<Record<string, string>> }
  /** Built inside the module, with exactly the versions its own go.sum names. */
  | { readonly goSource: string; readonly folder: string; readonly tags: string };

interface DebianProgram {
  readonly suite: string;
  readonly package: string;
  /** What the package's version must begin with: suites move on. */
  readonly version: string;
  /** Path of the program inside the package. */
  readonly file: string;
}

/** Program → how to get it; of several ways the first that works. Versions are exact where the way knows exact ones. */
const RECIPES: Readonly<Record<string, Recipe | readonly Recipe[]>> = {
  'docker-registry': { apt: 'docker-registry' },
  skopeo: { apt: 'skopeo' },
  registry: { goModule: 'github.com/distribution/distribution/v3/cmd/registry@v3.0.0' },
  helm: { goModule: 'helm.sh/helm/v3/cmd/helm@v3.19.4' },
  opm: {
    goSource: 'github.com/operator-framework/operator-registry@v1.57.0',
    folder: './cmd/opm',
    tags: 'json1,containers_image_openpgp',
  },
  crane: { goModule: 'github.com/google/go-containerregistry/cmd/crane@v0.22.1' },
  oras: { goModule: 'oras.land/oras/cmd/oras@v1.3.2' },
  openssl: { apt: 'openssl' },
  strace: { apt: 'strace' },
  tmux: { apt: 'tmux' },
  'mkfs.fat': { apt: 'dosfstools' },
  // With the libraries of such a machine, below /usr/aarch64-linux-gnu.
  'qemu-aarch64-static': { apt: ['qemu-user-static', 'libc6-arm64-cross', 'libstdc++6-arm64-cross'] },
  // Both lines, because they differ in what they verify. The packages need seconds, the modules minutes.
  'cosign-2': [
    { debian: { suite: 'trixie', package: 'cosign', version: '2.5.', file: 'usr/bin/cosign' } },
    { goModule: 'github.com/sigstore/cosign/v2/cmd/cosign@v2.5.0' },
  ],
  'cosign-3': [
    { debian: { suite: 'sid', package: 'cosign', version: '3.1.', file: 'usr/bin/cosign' } },
    { goModule: 'github.com/sigstore/cosign/v3/cmd/cosign@v3.1.1' },
  ],
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

function install(name: string, recipe: Recipe): void {
  if ('apt' in recipe) {
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...[recipe.apt].flat()], {
      stdio: 'inherit',
    });
    return;
  }
  mkdirSync(BIN_DIR, { recursive: true });
  // On the cache's file system, so that the finished program appears by one rename.
  const folder = mkdtempSync(join(CACHE_DIR, 'install-'));
  try {
    const program = obtain(recipe, folder);
    renameSync(program, join(BIN_DIR, name));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function obtain(recipe: Exclude<Recipe, { apt: unknown }>, folder: string): string {
  if ('debian' in recipe) return takeFromDebian(recipe.debian, folder);
  return 'goSource' in recipe ? buildFromSource(recipe, folder) : buildWithGo(recipe, folder);
}

function buildFromSource(recipe: Extract<Recipe, { goSource: string }>, folder: string): string {
  const env = { ...process.env, CGO_ENABLED: '1', GOFLAGS: '' };
  const module = execFileSync('go', ['mod', 'download', '-json', recipe.goSource], { env, encoding: 'utf8' });
  const output = join(folder, 'program');
  const args = ['build', '-trimpath', '-buildvcs=false', '-tags', recipe.tags, '-o', output, recipe.folder];
  execFileSync('go', args, { env, stdio: 'inherit', cwd: (JSON.parse(module) as { Dir: string }).Dir });
  return output;
}

function buildWithGo(recipe: Extract<Recipe, { goModule: string }>, folder: string): string {
  execFileSync('go', ['install', '-trimpath', recipe.goModule], {
    stdio: 'inherit',
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '', ...recipe.env, GOBIN: folder },
  });
  return join(folder, basename(recipe.goModule.replace(/@.*$/, '')));
}

/** A source list, package state and cache of its own: the machine's apt does not learn of the other release. */
function takeFromDebian(wanted: DebianProgram, folder: string): string {
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const sources = join(folder, 'sources.list');
  const status = join(folder, 'status');
  writeFileSync(sources, `deb [signed-by=${keyring}] http://deb.debian.org/debian ${wanted.suite} main\n`);
  writeFileSync(status, '');
  for (const name of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, name), { recursive: true });
  const options = {
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '-',
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': status,
    'Dir::Cache': join(folder, 'cache'),
    'Acquire::Languages': 'none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled': 'false',
    // The user apt drops to may not enter the folder.
    'APT::Sandbox::User': 'root',
  };
  const args = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const run = (...command: readonly string[]): void => {
    execFileSync('apt-get', [...args, '-q', ...command], { cwd: folder, stdio: 'inherit' });
  };
  run('update');
  run('download', wanted.package);
  const archive = readdirSync(folder).find((name) => name.endsWith('.deb'));
  if (archive === undefined) throw new Error(`apt-get download ${wanted.package} left no package`);
  const version = execFileSync('dpkg-deb', ['-f', archive, 'Version'], { cwd: folder, encoding: 'utf8' }).trim();
  if (!version.startsWith(wanted.version)) {
    throw new Error(`${wanted.suite} has ${wanted.package} ${version}, not ${wanted.version}*`);
  }
  execFileSync('dpkg-deb', ['-x', archive, 'content'], { cwd: folder });
  const program = join(folder, 'content', wanted.file);
  // The libraries it needs may be newer than the machine's.
  execFileSync(program, ['--help'], { stdio: 'ignore' });
  return program;
}

/** Undefined when one of the ways worked, else what the ways failed with. */
function installOneWay(name: string, recipes: readonly Recipe[]): string | undefined {
  const failures: string[] = [];
  for (const recipe of recipes) {
    try {
      install(name, recipe);
      return undefined;
    } catch (error) {
      failures.push(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
    }
  }
  return `${name}: ${failures.join('; ')}`;
}

function failureOf(name: string, work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return `${name}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
  }
}

if (import.meta.main) {
  const missing = [
    ...Object.entries(RECIPES)
      .filter(([name]) => findProgram(name) === undefined)
      .map(([name, recipes]) => installOneWay(name, [recipes].flat())),
    failureOf('CRDs', fetchCrds),
    failureOf('kube-apiserver and etcd', buildApiServer),
  ].filter((failure) => failure !== undefined);
  for (const line of missing) process.stderr.write(`not installed: ${line}\n`);
  if (missing.length > 0 && process.argv.includes('--require')) process.exitCode = 1;
}
