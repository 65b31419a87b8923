/**
 * Makes the single executable `dist-sea/airgap-<platform>`: the CLI, its workers and shipped files inside a stripped Node.
 *
 *     npm run sea                            # for this machine
 *     npm run sea -- --platform linux-arm64  # for another one, with its Node from npm
 *
 * Needs Node 24 (as all npm scripts here) and the output of `npm run build`.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { inject } from 'postject';

const ROOT = new URL('..', import.meta.url).pathname;
const OUT = join(ROOT, 'dist-sea');
/** Marks in the Node binary that a blob is inside (Node, "Single executable applications"). */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const HOST = `${process.platform}-${process.arch}`;
const WORKERS = ['src/bundle/check-worker.ts', 'src/workflows/transfer-worker.ts'];

/** Some packages ask for their own address, and for home folder and shell, which a user without an account does not have. */
const BANNER = [
  'const importMetaUrl=require("node:url").pathToFileURL(__filename).href;',
  'try{require("node:os").homedir()}catch{process.env.HOME="/"}',
  'try{require("node:os").userInfo()}catch{process.env.SHELL??="/bin/sh"}',
].join('');

const { values } = parseArgs({ options: { platform: { type: 'string', default: HOST } } });
const platform = values.platform;
mkdirSync(OUT, { recursive: true });
// Beside the result, so that it appears by one rename.
const work = mkdtempSync(join(OUT, 'work-'));
try {
  const entry = await bundle('build/sea-entry.ts', 'airgap');
  const workers = await Promise.all(WORKERS.map((file) => bundle(file, file.replace(/^.*\/|\.ts$/g, ''))));
  const blob = makeBlob(entry, workers);
  const node = nodeFor(platform);
  const executable = join(work, 'executable');
  copyFileSync(node, executable);
  chmodSync(executable, 0o755);
  strip(executable);
  await inject(executable, 'NODE_SEA_BLOB', readFileSync(blob), { sentinelFuse: FUSE });
  const target = join(OUT, `airgap-${platform}`);
  renameSync(executable, target);
  process.stdout.write(
    `${target}  ${Math.round(statSync(target).size / 1e6)} MB, ${statSync(blob).size} bytes of it ours\n`,
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** One file of CommonJS: what an executable can run. */
async function bundle(entry, name) {
  const outfile = join(work, `${name}.js`);
  await build({
    entryPoints: [join(ROOT, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    keepNames: true,
    legalComments: 'none',
    // Compiled code from the cache can not import; everything is inside or built into Node.
    supported: { 'dynamic-import': false },
    banner: { js: BANNER },
    define: { 'import.meta.url': 'importMetaUrl' },
    plugins: [commandTable()],
    logLevel: 'warning',
  });
  return outfile;
}

/** The table of commands, from the same manifest that their help comes from. */
function commandTable() {
  return {
    name: 'airgap-commands',
    setup(builder) {
      builder.onResolve({ filter: /^airgap:commands$/ }, ({ path }) => ({ path, namespace: 'airgap' }));
      builder.onLoad({ filter: /.*/, namespace: 'airgap' }, () => {
        const { commands } = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8'));
        const lines = Object.keys(commands).map((id) => {
          const file = join(ROOT, 'src/commands', `${id.replaceAll(':', '/')}.ts`);
          return `${JSON.stringify(id)}: () => import(${JSON.stringify(file)}),`;
        });
        return { contents: `export const commands = {\n${lines.join('\n')}\n};`, resolveDir: ROOT, loader: 'js' };
      });
    },
  };
}

function makeBlob(main, workers) {
  const output = join(work, 'blob');
  const config = join(work, 'sea.json');
  const shipped = globSync(['manifests/**/*', 'schemas/**/*'], { cwd: ROOT }).filter((path) =>
    statSync(join(ROOT, path)).isFile(),
  );
  const assets = Object.fromEntries([
    ...shipped.map((path) => [path, join(ROOT, path)]),
    ...workers.map((path) => [`workers/${path.split('/').at(-1)}`, path]),
  ]);
  const options = {
    main,
    output,
    assets,
    disableExperimentalSEAWarning: true,
    // Compiled code is good for the same Node on the same kind of machine only.
    useCodeCache: platform === HOST,
  };
  writeFileSync(config, JSON.stringify(options));
  execFileSync(process.execPath, ['--experimental-sea-config', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  return output;
}

/** The Node binary of a platform: our own, or the same version from npm. */
function nodeFor(name) {
  if (name === HOST) return process.execPath;
  const spec = `node-${name}@${process.versions.node}`;
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', spec], {
    cwd: work,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const archive = readdirSync(work).find((file) => file.endsWith('.tgz'));
  execFileSync('tar', ['xzf', archive, 'package/bin/node'], { cwd: work });
  return join(work, 'package/bin/node');
}

/** Symbols are a seventh of the size and of no use here; before the injection, which they would break. */
function strip(executable) {
  const candidates = platform === HOST ? ['strip', 'llvm-strip'] : [`${tripletOf(platform)}-strip`, 'llvm-strip'];
  for (const program of candidates) {
    try {
      execFileSync(program, [executable], { stdio: 'ignore' });
      return;
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
  process.stderr.write(`${candidates.join(' and ')} are missing: the executable keeps its symbols\n`);
}

function tripletOf(name) {
  const machines = { 'linux-arm64': 'aarch64-linux-gnu', 'linux-x64': 'x86_64-linux-gnu' };
  return machines[name] ?? dirname(name);
}
