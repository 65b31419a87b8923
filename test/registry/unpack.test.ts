/** What `unpack` sends is what it opened and checked, whatever has that name by then. */
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { ProgressEvent } from '../../src/core/events.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { unpackBundle } from '../../src/workflows/unpack.ts';
import { TEST_IDENTITY } from '../support/bundles.ts';
import { image, type BuiltContent } from '../support/images.ts';
import { optionsFor, type RegistryAccess } from '../support/registry.ts';
import { bundleOf, bytesOfBundle, trust, writeBundle } from '../support/served-bundle.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const { signal } = new AbortController();
const kind = plainRegistries[0]!;
const opened = image().layer('etc/x', 'opened').build();
const other = image().layer('etc/x', 'other').build();

function bundleBytes(content: BuiltContent, repository: string, serial: number): Buffer {
  return bytesOfBundle(bundleOf([{ content, repository, tag: 'v1' }], { ...TEST_IDENTITY, serial }));
}

/** Runs `unpack` and does something to the bundle after it was opened and before it is checked. */
function unpackSwapped(access: RegistryAccess, path: string, swap: () => void, minSerial = 0) {
  const report = (event: ProgressEvent): void => {
    if (event.type === 'stage' && event.name === 'verify' && event.state === 'started') swap();
  };
  return unpackBundle(
    {
      trust,
      detached: [],
      enforceExpiry: false,
      minSerial,
      paths: [path],
      target: { registry: access.host, prefix: '' },
      registry: optionsFor(access),
      caFiles: [],
      push: true,
      engine: { program: 'oc-mirror', args: [] },
      toolVersion: '0.0.0',
    },
    { signal, report },
  );
}

async function digestAt(access: RegistryAccess, repository: string): Promise<string> {
  const client = createRegistryClient(optionsFor(access), { signal, report: () => undefined });
  try {
    return (await client.openRepository({ registry: access.host, repository }).resolve('v1', signal)).digest;
  } finally {
    client.close();
  }
}

test('a bundle put in the place of the one that was opened is not what is sent', async (t) => {
  const access = await kind.open(t);
  if (access === undefined) return;
  const repository = freshRepository('unpack');
  const [path] = writeBundle(t, bundleBytes(opened, repository, 1)) as [string];
  const [stranger] = writeBundle(t, bundleBytes(other, repository, 2)) as [string];
  const result = await unpackSwapped(access, path, () => renameSync(stranger, path));
  assert.equal(result.bundle.serial, 1);
  assert.equal(await digestAt(access, repository), opened.root.digest);
});

test('a bundle put in its place does not vouch for the one that was opened', async (t) => {
  const access = await kind.open(t);
  if (access === undefined) return;
  const repository = freshRepository('unpack');
  const [path] = writeBundle(t, bundleBytes(opened, repository, 1)) as [string];
  const [stranger] = writeBundle(t, bundleBytes(other, repository, 2)) as [string];
  const swap = (): void => renameSync(stranger, path);
  await assert.rejects(unpackSwapped(access, path, swap, 2), { code: 'E_ROLLBACK' });
  await assert.rejects(digestAt(access, repository), { code: 'E_NOT_FOUND' });
});

test('a bundle that is overwritten while it is opened is refused, and nothing is sent', async (t) => {
  const access = await kind.open(t);
  if (access === undefined) return;
  const repository = freshRepository('unpack');
  const [path] = writeBundle(t, bundleBytes(opened, repository, 1)) as [string];
  const swap = (): void => writeFileSync(path, bundleBytes(other, repository, 2));
  await assert.rejects(unpackSwapped(access, path, swap), { code: 'E_DIGEST', message: /changed while/ });
  await assert.rejects(digestAt(access, repository), { code: 'E_NOT_FOUND' });
});
