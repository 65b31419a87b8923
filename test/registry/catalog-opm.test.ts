/** Filtered catalogs in the hands of the program that serves them on clusters. */
import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { CACHE_FILE_MODE, CACHE_FOLDER_MODE, cacheFiles } from '../../src/mirror/catalog-cache.ts';
import { filterCatalog } from '../../src/mirror/catalog-filter.ts';
import { readCatalog } from '../../src/mirror/catalog-read.ts';
import { validateCatalog } from '../../src/mirror/catalog-validate.ts';
import { writeCatalog } from '../../src/mirror/catalog-write.ts';
import type { CatalogSelection, PackageSelection } from '../../src/mirror/image-set.ts';
import { catalog, treeFiles, type CatalogBuilder } from '../support/catalogs.ts';
import { needProgram } from '../support/programs.ts';

const run = promisify(execFile);

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'airgap-opm-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function writeFiles(folder: string, files: ReadonlyMap<string, string | Buffer>): Promise<void> {
  for (const [path, content] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

/** What opm says is wrong with a catalog; empty for a valid one. */
async function opmProblems(opm: string, folder: string): Promise<string> {
  const result = await run(opm, ['validate', folder]).catch((error: { stderr: string }) => error);
  return result.stderr;
}

const real = (name: string) => readFile(new URL(`../fixtures/catalogs/${name}/catalog.json`, import.meta.url), 'utf8');

async function filtered(files: ReadonlyMap<string, string>, selection: Partial<CatalogSelection>) {
  const reading = { catalogName: 'the catalog', isWanted: () => true, isKept: () => true };
  const content = await readCatalog(treeFiles(files, 64 * 1024), reading);
  const whole = { catalog: 'the catalog', full: false, skipDependencies: false, ...selection };
  const result = filterCatalog(content.catalog, whole, { ...reading, packageNames: content.packageNames });
  const makers = writeCatalog(result, content.documents);
  const written = [...makers].map(([path, make]) => [path, make()] as const);
  return { result, makers, stored: content.documents, files: new Map(written) };
}

const JAEGER = 'jaeger-product';
const SELECTIONS: readonly [what: string, packages: readonly PackageSelection[] | undefined, full: boolean][] = [
  ['heads of everything', undefined, false],
  ['one head', [{ name: JAEGER }], false],
  ['everything of one package', [{ name: JAEGER }], true],
  ['a range', [{ name: JAEGER, minVersion: '1.34.1-5', maxVersion: '1.47.1-5' }], false],
  ['a lower bound', [{ name: JAEGER, channels: [{ name: 'stable', minVersion: '1.42.0-0' }] }], false],
  ['an upper bound with pre-releases', [{ name: JAEGER, maxVersion: '1.42.0-5' }], false],
  ['one version', [{ name: JAEGER, minVersion: '1.51.0-1', maxVersion: '1.51.0-1' }], false],
];

for (const [what, packages, full] of SELECTIONS) {
  test(`opm accepts the real packages filtered to ${what}`, async (t) => {
    const opm = needProgram(t, 'opm');
    if (opm === undefined) return;
    const names = [JAEGER, 'node-observability-operator'];
    const files = new Map(await Promise.all(names.map(async (name) => [`${name}.json`, await real(name)] as const)));
    const { files: written } = await filtered(files, { full, ...(packages === undefined ? {} : { packages }) });
    const folder = await temporaryFolder(t);
    await writeFiles(folder, written);
    assert.equal(await opmProblems(opm, folder), '');
  });
}

const start = () => catalog().package('p', { defaultChannel: 'c' });
const CHECKED: readonly [what: string, built: CatalogBuilder][] = [
  ['a valid catalog', start().channel('c', ['b replaces a', 'a replaces gone']).bundles({ a: '1.0.0', b: '2.0.0' })],
  [
    'a lost default channel',
    catalog().package('p', { defaultChannel: 'd' }).channel('c', ['a']).bundles({ a: '1.0.0' }),
  ],
  ['no default channel', catalog().package('p').channel('c', ['a']).bundles({ a: '1.0.0' })],
  ['an empty channel', start().channel('c', [])],
  ['two heads', start().channel('c', ['a', 'b']).bundles({ a: '1.0.0', b: '2.0.0' })],
  ['a skipped entry', start().channel('c', ['b skips a', 'a']).bundles({ a: '1.0.0', b: '2.0.0' })],
  [
    'a stranded entry',
    start().channel('c', ['b', 'x replaces y', 'y replaces x']).bundles({ b: '1.0.0', x: '2.0.0', y: '3.0.0' }),
  ],
  ['a missing operator bundle', start().channel('c', ['b replaces a', 'a']).bundles({ b: '2.0.0' })],
  ['an operator bundle in no channel', start().channel('c', ['a']).bundles({ a: '1.0.0', b: '2.0.0' })],
  ['a version twice', start().channel('c', ['b replaces a', 'a']).bundles({ a: '1.0.0', b: '1.0.0' })],
  ['builds of one version', start().channel('c', ['b replaces a', 'a']).bundles({ a: '1.0.0+1', b: '1.0.0+2' })],
  ['a bad version', start().channel('c', ['a']).bundles({ a: '1.0' })],
  ['no image', start().channel('c', ['a']).bundle('a', '1.0.0', { image: '' })],
  ['a lost deprecation', start().channel('c', ['a']).bundles({ a: '1.0.0' }).deprecate('olm.bundle b')],
  ['a good deprecation', start().channel('c', ['a']).bundles({ a: '1.0.0' }).deprecate('olm.bundle a', 'olm.package')],
];

for (const [what, built] of CHECKED) {
  test(`opm and the check of catalogs agree about ${what}`, async (t) => {
    const opm = needProgram(t, 'opm');
    if (opm === undefined) return;
    const folder = await temporaryFolder(t);
    await writeFiles(folder, built.files());
    const own = validateCatalog((await built.content()).catalog);
    const theirs = await opmProblems(opm, folder);
    assert.equal(own.length > 0, theirs !== '', `own: ${own.join('; ')}\nopm: ${theirs}`);
  });
}

test('opm serves a filtered catalog with the packages and channels that were selected', async (t) => {
  const opm = needProgram(t, 'opm');
  if (opm === undefined) return;
  const built = catalog()
    .package('alpha', { defaultChannel: 'stable' })
    .channel('stable', ['alpha.3 replaces alpha.2', 'alpha.2 replaces alpha.1', 'alpha.1'])
    .channel('fast', ['alpha.3'])
    .bundles({ 'alpha.1': '1.0.0', 'alpha.2': '2.0.0', 'alpha.3': '3.0.0' })
    .package('beta', { defaultChannel: 'c' })
    .channel('c', ['beta.1'])
    .bundles({ 'beta.1': '1.0.0' });
  const packages = [{ name: 'alpha', channels: [{ name: 'stable', minVersion: '2.0.0' }] }];
  const { files } = await filtered(built.files(), { packages });
  const folder = await temporaryFolder(t);
  await writeFiles(folder, files);
  const port = await serve(t, opm, [folder]);
  assert.deepEqual(await callRegistry(port, 'ListPackages', Buffer.alloc(0)), ['alpha']);
  const bundles = await callRegistry(port, 'ListBundles', Buffer.alloc(0));
  assert.deepEqual(bundles.toSorted(), ['alpha.2', 'alpha.3']);
});

test('opm started as the original image starts it accepts the cache that comes with the filtered catalog', async (t) => {
  const opm = needProgram(t, 'opm');
  if (opm === undefined) return;
  const name = `long-operator-${'x'.repeat(40)}`;
  const metadata = {
    annotations: { description: 'a <b> & c' },
    crdDescriptions: { owned: [{ kind: 'Thing', name: 'things.example.com', version: 'v1' }] },
    displayName: 'Long',
    installModes: [{ type: 'AllNamespaces', supported: true }],
    provider: { name: 'Example' },
  };
  const built = catalog()
    .package(name, {
      defaultChannel: 'stable',
      description: 'ünï',
      icon: { base64data: 'YWJj', mediatype: 'image/png' },
    })
    .channel('stable', [`${name}.v2 replaces ${name}.v1 skips ${name}.s skipRange <2.0.0`, `${name}.v1`, `${name}.s`])
    .channel('fast', [`${name}.v2`])
    .bundles({ [`${name}.v1`]: '1.0.0', [`${name}.s`]: '1.0.1' })
    .bundle(`${name}.v2`, '2.0.0', {
      properties: [
        { type: 'olm.gvk', value: { group: 'example.com', version: 'v1', kind: 'Thing' } },
        { type: 'olm.gvk.required', value: { group: 'example.com', version: 'v1', kind: 'Other' } },
        { type: 'olm.package.required', value: { packageName: 'other', versionRange: '>=1.0.0' } },
        { type: 'olm.csv.metadata', value: metadata },
      ],
    })
    .deprecate('olm.package', 'olm.channel fast', `olm.bundle ${name}.v2`);
  const files = new Map([...built.files(), ['jaeger.json', await real(JAEGER)]]);
  const { result, stored, makers } = await filtered(files, {
    packages: [{ name, minVersion: '1.0.0' }, { name: JAEGER }],
  });
  const folder = await temporaryFolder(t);
  const configs = join(folder, 'configs');
  const cache = join(folder, 'cache');
  await writeTree(configs, makers, { folder: 0o755, file: 0o644 });
  const own = cacheFiles(result, stored, makers)!;
  await writeTree(cache, own, { folder: CACHE_FOLDER_MODE, file: CACHE_FILE_MODE });
  const server = await serve(t, opm, [configs, '--cache-dir', cache, '--cache-enforce-integrity']);
  assert.deepEqual((await callRegistry(server, 'ListPackages', Buffer.alloc(0))).toSorted(), [JAEGER, name]);

  // The same format made by opm itself, which keeps the format it finds.
  const theirs = join(folder, 'theirs');
  await writeTree(
    theirs,
    new Map([
      ['digest', () => Buffer.alloc(0)],
      ['cache/x', () => Buffer.alloc(0)],
    ]),
    { folder: 0o755, file: 0o644 },
  );
  await run(opm, [
    'serve',
    configs,
    '--cache-dir',
    theirs,
    '--cache-only',
    '--pprof-addr',
    '',
    '--termination-log',
    join(folder, 'log'),
  ]);
  for (const path of [...own.keys()].filter((one) => one !== 'digest')) {
    const [ours, expected] = await Promise.all([cache, theirs].map((base) => readFile(join(base, path), 'utf8')));
    assert.deepEqual(meaning(ours), meaning(expected), path);
  }
});

/** JSON as its readers see it: empty fields are as good as none, JSON in text is JSON. */
function meaning(value: unknown): unknown {
  if (typeof value === 'string' && /^[[{]/.test(value)) return meaning(JSON.parse(value));
  if (value === null || value === '') return undefined;
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => meaning(item));
  const fields = Object.entries(value).map(([key, member]) => [key, meaning(member)] as const);
  const kept = fields.filter(([, member]) => member !== undefined).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

async function writeTree(
  folder: string,
  files: ReadonlyMap<string, () => Buffer>,
  modes: { readonly folder: number; readonly file: number },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, modes.folder);
  for (const [path, make] of files) {
    const parent = dirname(join(folder, path));
    await mkdir(parent, { recursive: true });
    await chmod(parent, modes.folder);
    await writeFile(join(folder, path), make());
    await chmod(join(folder, path), modes.file);
  }
}

/** The port where opm serves. */
async function serve(t: TestContext, opm: string, args: readonly string[]): Promise<number> {
  const port = await freePort();
  const log = join(await temporaryFolder(t), 'log');
  const options = ['--port', String(port), '--pprof-addr', '', '--termination-log', log];
  const server = spawn(opm, ['serve', ...args, ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(() => server.kill('SIGKILL'));
  await isServing(server);
  return port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Its error output stays open: a program whose log can not be written ends. */
async function isServing(server: ChildProcess): Promise<void> {
  let said = '';
  await new Promise<void>((resolve, reject) => {
    server.stderr!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('serving registry')) resolve();
    });
    server.on('exit', () => reject(new Error(`opm ended: ${said}`)));
  });
}

/** A call of opm's gRPC service; of every message in the answer the first text field. */
async function callRegistry(port: number, method: string, request: Buffer): Promise<string[]> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const call = session.request({
      ':method': 'POST',
      ':path': `/api.Registry/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    call.end(Buffer.concat([Buffer.alloc(1), uint32(request.length), request]));
    const chunks: Buffer[] = [];
    for await (const chunk of call) chunks.push(chunk as Buffer);
    return messagesIn(Buffer.concat(chunks)).map((message) => {
      assert.equal(message[0], 0x0a, 'the first field is text');
      return message.toString('utf8', 2, 2 + message[1]!);
    });
  } finally {
    session.close();
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function messagesIn(answer: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < answer.length;) {
    const length = answer.readUInt32BE(at + 1);
    messages.push(answer.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}
