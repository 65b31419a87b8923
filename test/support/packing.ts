/** What tests of the command line need again and again: configurations, keys, and the flags that reach a test registry. */
import { createHash } from 'node:crypto';
import { openSync, readFileSync, readSync, closeSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { generateKeyPair } from '../../src/bundle/keys.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import type { Repository } from '../../src/registry/repository.ts';
import { optionsFor, type RegistryAccess } from './registry.ts';
import { runCli, type CliOptions, type CliResult } from './run-cli.ts';

/** An entry of `mirror.additionalImages`. */
export interface ImageEntry {
  readonly name: string;
  readonly platforms?: readonly { readonly os: string; readonly architecture: string }[];
  readonly targetRepo?: string;
  readonly targetTag?: string;
}

/** Makes two bundles of the same content the same bytes, but for the signature. */
export const FIXED_IDENTITY = ['--serial', '7', '--created-at', '2026-11-22T16:00:00Z'] as const;

/** Writes an ImageSetConfiguration (JSON is YAML); returns its path. */
export function writeImageSet(folder: string, images: readonly ImageEntry[], name = 'imageset.yaml'): string {
  const path = join(folder, name);
  const document = {
    apiVersion: 'mirror.openshift.io/v2alpha1',
    kind: 'ImageSetConfiguration',
    mirror: { additionalImages: images },
  };
  writeFileSync(path, JSON.stringify(document));
  return path;
}

/** Writes an unencrypted key pair `<name>.key` and `<name>.pub`. */
export function writeKeys(folder: string, name = 'release'): { readonly key: string; readonly pub: string } {
  const pair = generateKeyPair({ type: 'p256', plain: true });
  const paths = { key: join(folder, `${name}.key`), pub: join(folder, `${name}.pub`) };
  writeFileSync(paths.key, pair.privateKey, { mode: 0o600 });
  writeFileSync(paths.pub, pair.publicKey);
  return paths;
}

/** The flags that trust a registry and log in to it. */
export function flagsFor(access: RegistryAccess, folder: string): string[] {
  const caFile = join(folder, `ca-${access.host.replace(':', '-')}.pem`);
  if (access.ca !== undefined) writeFileSync(caFile, access.ca);
  return [
    ...(access.ca === undefined ? [] : ['--ca-file', caFile]),
    ...(access.authFile === undefined ? [] : ['--authfile', access.authFile]),
  ];
}

/** One repository of a test registry, read and written by our own client. */
export function openRepository(test: Pick<TestContext, 'after'>, access: RegistryAccess, path: string): Repository {
  const ctx = { signal: new AbortController().signal, report: () => undefined };
  const client = createRegistryClient(optionsFor(access), ctx);
  test.after(() => client.close());
  return client.openRepository({ registry: access.host, repository: path });
}

/** Runs the CLI and fails with what it said unless it ends with 0. */
export async function succeed(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const result = await runCli(args, options);
  // With --json the error is on stdout.
  const said = `${result.stderr}${args.includes('--json') ? result.stdout : ''}`;
  if (result.status !== 0) throw new Error(`airgap ${args.join(' ')} ended with ${result.status}:\n${said}`);
  return result;
}

/** The events a run with `--log-format json` wrote to stderr. */
export function eventsOf(result: CliResult): readonly Readonly<Record<string, unknown>>[] {
  return result.stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** sha256 of a file outside the signature entries, read by the tar headers alone. */
export function contentHash(path: string): string {
  const hash = createHash('sha256');
  const fd = openSync(path, 'r');
  try {
    const header = Buffer.alloc(512);
    for (let at = 0; readSync(fd, header, 0, 512, at) === 512;) {
      const name = header.toString('latin1', 0, header.indexOf(0));
      const size = name === '' ? 0 : Number.parseInt(header.toString('latin1', 124, 135), 8);
      const length = 512 + Math.ceil(size / 512) * 512;
      if (!/^airgap-manifest\.json\.\d+\.sigstore\.json$/.test(name)) {
        const entry = Buffer.alloc(length);
        readSync(fd, entry, 0, length, at);
        hash.update(entry);
      }
      at += length;
    }
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}

/** A JSON document the CLI wrote to stdout. */
export function jsonOf(result: CliResult): Record<string, unknown> {
  return JSON.parse(result.stdout) as Record<string, unknown>;
}

/** A file as text. */
export function textOf(path: string): string {
  return readFileSync(path, 'utf8');
}
