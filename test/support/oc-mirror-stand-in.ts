/**
 * Plays the vendor's program where that can not be had: its arguments, refusals, messages, exit bits, cache and archive form
 * as they were recorded, with a real registry (distribution 3) as cache and real copies (skopeo). It selects nothing and
 * filters no catalog: a script says which images it copies, and what goes wrong.
 *
 * Installed and scripted by oc-mirror.ts; run as `oc-mirror …`.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parseYaml } from '../../src/core/yaml.ts';

/** What the stand-in is to do. */
export interface StandInScript {
  readonly version: string;
  readonly skopeo: string;
  readonly registry: string;
  /** In copy order. */
  readonly images: readonly StandInImage[];
  /** Bytes of file contents per archive file; absent: one file. */
  readonly chunkBytes?: number;
  /** Milliseconds before each image. */
  readonly delayMs?: number;
  /** So many runs find their port taken. */
  readonly portsTaken?: number;
  /** File that every run appends its arguments and umask to. */
  readonly log: string;
}

export interface StandInImage {
  /** As the program prints it. */
  readonly origin: string;
  readonly type: 'ocpRelease' | 'operatorCatalog' | 'operatorBundle' | 'operatorRelatedImage' | 'generic' | 'helmImage';
  /** `host/path:tag` or `host/path@digest`. */
  readonly source: string;
  /** `path:tag` in the cache and below the target. */
  readonly name: string;
  /** Where the cache has what goes to the target, when that is not `name`. */
  readonly cached?: string;
  /** Stays in the cache: the original of a filtered catalog. */
  readonly onlyToDisk?: boolean;
  readonly fails?: boolean;
}

const BITS: Readonly<Record<StandInImage['type'], number>> = {
  ocpRelease: 2,
  operatorCatalog: 4,
  operatorBundle: 4,
  operatorRelatedImage: 4,
  generic: 8,
  helmImage: 16,
};
const REFUSED = ['cluster-resources', 'dry-run', 'helm', 'delete', 'logs', 'release-images', 'signatures'];

const script = JSON.parse(readFileSync(process.env['OC_MIRROR_STAND_IN']!, 'utf8')) as StandInScript;
let cacheRegistry: ChildProcess | undefined;
process.on('exit', () => cacheRegistry?.kill('SIGKILL'));
process.on('SIGINT', () => {
  say('INFO', 'interrupted');
  process.exit(130);
});

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    v2: { type: 'boolean' },
    config: { type: 'string', short: 'c' },
    from: { type: 'string' },
    'cache-dir': { type: 'string' },
    'log-level': { type: 'string' },
    port: { type: 'string', short: 'p', default: '55000' },
    'parallel-images': { type: 'string', default: '4' },
    authfile: { type: 'string' },
    output: { type: 'string' },
    'max-nested-paths': { type: 'string' },
    'image-timeout': { type: 'string' },
    'src-tls-verify': { type: 'string', default: 'true' },
    'dest-tls-verify': { type: 'string', default: 'true' },
    'remove-signatures': { type: 'string' },
  },
});
process.exit(await main());

async function main(): Promise<number> {
  const [destination = ''] = positionals;
  const started = `${process.argv.slice(2).join(' ')}\numask ${process.umask().toString(8).padStart(4, '0')}\n`;
  writeFileSync(script.log, started, { flag: 'a' });
  if (destination === 'version') {
    process.stdout.write(`${JSON.stringify({ clientVersion: { gitVersion: script.version } }, null, 2)}\n`);
    return 0;
  }
  if (values.v2 !== true) return refuse('the use of the flag --v1 or --v2 is mandatory', 255);
  if (process.env['OC_MIRROR_CACHE'])
    return refuse('either OC_MIRROR_CACHE or --cache-dir can be used but not both', 1);
  const local = (values.from ?? destination).replace(/^file:\/\//, '');
  const word = REFUSED.find((candidate) => local.includes(candidate));
  if (word !== undefined) return refuse(`the destination contains an internal oc-mirror keyword '${word}'`, 1);
  // Reads what it is given, as the real one does.
  parseYaml(readFileSync(values.config!, 'utf8'), values.config!);
  const runs = readFileSync(script.log, 'utf8').match(/^--v2/gm)?.length ?? 0;
  const isTaken = runs <= (script.portsTaken ?? 0) || (await isListening(Number(values.port)));
  if (isTaken) return refuse(`${values.port} is already bound and cannot be used`, 1);
  mkdirSync(join(local, 'working-dir/logs'), { recursive: true });
  if (destination.startsWith('file://')) for (const name of chunksOf(local)) rmSync(join(local, name));
  say('INFO', `🔀 workflow mode: ${destination.startsWith('file://') ? 'mirrorToDisk' : 'diskToMirror'} `);
  const storage = join(values['cache-dir']!, '.oc-mirror/.cache');
  mkdirSync(storage, { recursive: true });
  if (values.from !== undefined) extract(local, storage);
  await startCache(storage, Number(values.port));
  const status = await copyAll(local, destination);
  if (status !== 0) return status;
  if (destination.startsWith('file://')) archive(local, storage);
  say('INFO', '👋 Goodbye, thank you for using oc-mirror');
  return 0;
}

async function copyAll(local: string, destination: string): Promise<number> {
  const isToDisk = destination.startsWith('file://');
  const images = script.images.filter((image) => isToDisk || image.onlyToDisk !== true);
  say('INFO', '🚀 Start copying the images...');
  say('INFO', `📌 images to copy ${images.length} `);
  const target = destination.replace(/^docker:\/\//, '');
  const errors: string[] = [];
  let status = 0;
  for (const image of images) {
    await sleep(script.delayMs ?? 0);
    try {
      if (image.fails === true) throw new Error('reading manifest: connection reset by peer');
      const cache = `localhost:${values.port}`;
      if (isToDisk) copy(image.source, `${cache}/${image.cached ?? image.name}`);
      else copy(`${cache}/${image.cached ?? image.name}`, `${target}/${image.name}`);
      say('INFO', `Success copying ${image.origin} ➡️ ${isToDisk ? 'cache' : `${target}/`}`);
    } catch (error) {
      say('ERROR', `Failed to copy ${image.type} ${image.origin}`);
      errors.push(`error mirroring image ${image.origin} error: ${reasonOf(error)}`);
      status |= BITS[image.type];
    }
  }
  if (status === 0) return 0;
  const path = join(local, 'working-dir/logs', `mirroring_errors_${stamp().replaceAll(/\D/g, '_')}.txt`);
  writeFileSync(path, `${errors.join('\n')}\n`);
  for (const line of errors) say('ERROR', `[Worker] ${line}`);
  return status;
}

function reasonOf(error: unknown): string {
  const { message, stderr } = error as Error & { readonly stderr?: Buffer };
  return (stderr?.toString() ?? message).trim().replaceAll('\n', ' ');
}

/** With the signature beside it, when there is one. */
function copy(from: string, to: string): void {
  const digestFile = join(values['cache-dir']!, 'digest');
  skopeo(['--preserve-digests', '--digestfile', digestFile, `docker://${from}`, `docker://${to}`]);
  const signature = `${readFileSync(digestFile, 'utf8').trim().replace(':', '-')}.sig`;
  const nameOf = (reference: string): string => reference.replace(/(@sha256:[0-9a-f]{64}|:[^:/]+)$/, '');
  try {
    skopeo([`docker://${nameOf(from)}:${signature}`, `docker://${nameOf(to)}:${signature}`]);
  } catch {
    // Not signed.
  }
}

function skopeo(args: readonly string[]): void {
  const auth = values.authfile === undefined ? [] : ['--authfile', values.authfile];
  // The cache is always plain HTTP, as in the real one.
  const tls = ['--src-tls-verify=false', '--dest-tls-verify=false'];
  // skopeo does not read the variable by itself.
  const conf = process.env['CONTAINERS_REGISTRIES_CONF'];
  const rewrites = conf === undefined ? [] : ['--registries-conf', conf];
  execFileSync(script.skopeo, [...rewrites, 'copy', '--all', '--quiet', ...auth, ...tls, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function startCache(storage: string, port: number): Promise<void> {
  const config = join(values['cache-dir']!, 'registry.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: resolve(storage) }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}` },
      validation: { manifests: { indexes: { platforms: 'none' } } },
    }),
  );
  cacheRegistry = spawn(script.registry, ['serve', config], { stdio: 'ignore' });
  for (let tries = 0; tries < 600 && cacheRegistry.exitCode === null; tries += 1) {
    if (await isListening(port)) return;
    await sleep(50);
  }
  throw new Error('the cache registry does not listen');
}

async function isListening(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once('error', () => done(true));
    probe.listen(port, '127.0.0.1', () => probe.close(() => done(false)));
  });
}

function archive(local: string, storage: string): void {
  const version = { gitVersion: script.version, gitCommit: '0'.repeat(40) };
  mkdirSync(join(local, 'working-dir/internal'), { recursive: true });
  writeFileSync(join(local, 'working-dir/internal/oc-mirror-version.json'), JSON.stringify(version));
  const config = readFileSync(values.config!);
  for (const kind of ['isc', 'disc']) writeFileSync(join(local, `working-dir/${kind}_pinned_${stamp()}.yaml`), config);
  say('INFO', '📦 Preparing the tarball archive...');
  const filesIn = (root: string, pattern: string): string[] =>
    globSync(pattern, { cwd: root }).filter((path) => statSync(join(root, path)).isFile());
  const files = [
    ...filesIn(storage, 'docker/registry/v2/repositories/**').map((path) => ({ root: storage, path })),
    ...filesIn(storage, 'docker/registry/v2/blobs/**').map((path) => ({ root: storage, path })),
    ...filesIn(local, 'working-dir/**').map((path) => ({ root: local, path })),
  ];
  const chunks: (typeof files)[] = [[]];
  let size = 0;
  for (const file of files) {
    const bytes = statSync(join(file.root, file.path)).size;
    if (script.chunkBytes !== undefined && size > 0 && size + bytes > script.chunkBytes) {
      chunks.push([]);
      size = 0;
    }
    size += bytes;
    chunks.at(-1)!.push(file);
  }
  for (const [at, chunk] of chunks.entries()) {
    const tar = resolve(local, `mirror_${String(at + 1).padStart(6, '0')}.tar`);
    for (const [root, members] of Map.groupBy(chunk, (file) => file.root)) {
      const input = members.map(({ path }) => path).join('\n');
      execFileSync('tar', ['--format=posix', '-rf', tar, '-C', root, '-T', '-'], { input });
    }
  }
}

function extract(local: string, storage: string): void {
  say('INFO', '📦 Extracting mirror archive(s)...');
  const chunks = chunksOf(local);
  if (chunks.length === 0) throw new Error('no tar archives matching');
  writeFileSync(join(dirname(script.log), 'extracted'), chunks.join('\n'));
  for (const name of chunks) {
    const tar = join(local, name);
    for (const [pattern, root] of [
      ['docker/registry/v2/*', storage],
      ['working-dir/*', local],
    ] as const) {
      const holds = execFileSync('tar', ['tf', tar], { encoding: 'utf8' }).includes(pattern.slice(0, -1));
      if (holds) execFileSync('tar', ['xf', tar, '-C', root, '--wildcards', pattern]);
    }
  }
}

function chunksOf(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((name) => /^mirror_\d{6}\.tar$/.test(name)) : [];
}

function say(level: string, text: string): void {
  process.stdout.write(`${stamp().replace('T', ' ').replace('Z', '')}  [${level}]   : ${text}\n`);
}

function refuse(message: string, status: number): number {
  say('ERROR', `[Executor] ${message} `);
  return status;
}

function stamp(): string {
  return new Date().toISOString().replace(/\.\d+/, '');
}
