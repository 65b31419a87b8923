/** Help, commands and flags are part of what users rely on: they change only together with the golden files. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, globSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCli, temporaryFolder } from '../support/run-cli.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const GOLDEN = new URL('golden/', import.meta.url).pathname;

interface CachedFlag {
  readonly type: string;
  readonly char?: string;
  readonly required?: boolean;
  readonly multiple?: boolean;
  readonly allowNo?: boolean;
  readonly options?: readonly string[];
  readonly default?: unknown;
}
interface CachedCommand {
  readonly id: string;
  readonly flags: Readonly<Record<string, CachedFlag>>;
  readonly args: Readonly<Record<string, { readonly required?: boolean }>>;
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8')) as {
  readonly commands: Readonly<Record<string, CachedCommand>>;
};
const commands = Object.values(manifest.commands).toSorted((a, b) => (a.id < b.id ? -1 : 1));
/** As it is, instead of as JSON. */
const asText = { serializers: [(value: unknown) => String(value)] };

for (const words of [[], ...commands.map(({ id }) => id.split(':'))]) {
  test(`airgap ${[...words, '--help'].join(' ')}`, async (t) => {
    const { status, stdout, stderr } = await runCli([...words, '--help'], { cwd: temporaryFolder(t) });
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
    // The first lines of the root name the version and the machine.
    const text = stdout.replace(/^ {2}airgap\/.*$/m, '  airgap/VERSION');
    t.assert.fileSnapshot(text, `${GOLDEN}help${words.map((word) => `-${word}`).join('')}.txt`, asText);
  });
}

test('all commands with their arguments and flags', (t) => {
  const lines = commands.flatMap(({ id, args, flags }) => [
    `${id.replaceAll(':', ' ')} ${Object.keys(args).join(' ')}`.trimEnd(),
    ...Object.entries(flags)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, flag]) => `  --${name}${describeFlag(flag)}`),
  ]);
  t.assert.fileSnapshot(`${lines.join('\n')}\n`, `${GOLDEN}commands.txt`, asText);
});

function describeFlag(flag: CachedFlag): string {
  return [
    flag.char === undefined ? '' : ` -${flag.char}`,
    flag.type === 'boolean' ? '' : ` <${flag.options?.join('|') ?? 'value'}>`,
    flag.required === true ? ' required' : '',
    flag.multiple === true ? ' repeatable' : '',
    flag.allowNo === true ? ' negatable' : '',
    flag.default === undefined ? '' : ` default ${JSON.stringify(flag.default)}`,
  ].join('');
}

test('oclif.manifest.json is what the built commands say', (t) => {
  const folder = temporaryFolder(t);
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
  cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  execFileSync(process.execPath, [join(ROOT, 'node_modules/oclif/bin/run.js'), 'manifest', folder], {
    cwd: folder,
    stdio: 'ignore',
  });
  const made = JSON.parse(readFileSync(join(folder, 'oclif.manifest.json'), 'utf8')) as unknown;
  assert.deepEqual(made, manifest, 'run "npm run build" and commit oclif.manifest.json');
});

test('messages name only flags that exist', () => {
  const known = new Set(commands.flatMap(({ flags }) => Object.keys(flags)));
  // Flags of other programs that are told how to be used.
  const foreign = new Set([
    ...['help', 'no', 'src-tls-verify'],
    ...['all', 'armor', 'export', 'bundle', 'insecure-ignore-tlog', 'preserve-digests'],
    ...['hooks', 'include-crds', 'kube-version', 'destination'],
    ...['dest-tls-verify', 'image-timeout', 'log-level', 'parallel-images', 'port', 'remove-signatures', 'v2'],
    ...['cache-dir', 'enable-uwm-telemetry-remote-write', 'platform', 'tar', 'to-repo'],
  ]);
  // Custom properties of a style sheet only look like flags.
  const files = globSync('src/**/*.ts', { cwd: ROOT }).filter((file) => file !== 'src/workflows/report/style.ts');
  const unknown = files.flatMap((file) =>
    readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .filter((line) => !/^\s*(\*|\/\*|\/\/)/.test(line))
      .flatMap((line) => [...line.matchAll(/(?<=[\s'"`(=|/])--(?:no-)?([a-z][a-z0-9-]*[a-z0-9])/g)])
      .map((match) => match[1]!)
      .filter((name) => !known.has(name) && !foreign.has(name))
      .map((name) => `${file}: --${name}`),
  );
  assert.deepEqual(unknown, []);
});
