/** Blobs on their way from a server into an unfinished bundle. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { planLayout } from '../../src/bundle/layout.ts';
import { openBodyWriter, openBundleFile } from '../../src/bundle/writer.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { MEDIA_TYPE } from '../../src/oci/types.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { fetchBody, type FetchProgress } from '../../src/workflows/fetch-body.ts';
import { transferBlobs } from '../../src/workflows/transfer.ts';
import {
  blob,
  buildBundle,
  collectingContext,
  noise,
  sha256,
  temporaryFolder,
  type TestFile,
} from '../support/bundles.ts';

interface BlobServer {
  readonly server: Server;
  readonly host: string;
  /** Most connections that were open at once. */
  most(): number;
  /** Requests for blobs. */
  asked(): number;
}

/** Serves blobs of any repository and counts. */
async function serveBlobs(t: TestContext, files: readonly TestFile[]): Promise<BlobServer> {
  const contents = new Map(files.map(({ path, content }) => [path.slice(path.lastIndexOf('/') + 1), content]));
  let most = 0;
  let open = 0;
  let asked = 0;
  const server = createServer((request, response) => {
    const content = contents.get(request.url!.slice(request.url!.lastIndexOf(':') + 1));
    if (content === undefined) return response.end();
    asked += 1;
    return response.writeHead(200, { 'content-length': content.length }).end(content);
  });
  server.on('connection', (socket) => {
    open += 1;
    most = Math.max(most, open);
    socket.on('close', () => (open -= 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { server, host: `127.0.0.1:${(server.address() as AddressInfo).port}`, most: () => most, asked: () => asked };
}

for (const maxConnections of [1, 3]) {
  test(`no more connections than asked for are opened, workers together (${maxConnections})`, async (t) => {
    // Enough for workers.
    const files = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((seed) => blob(noise(10 * 1024 * 1024, seed)));
    const { host, most } = await serveBlobs(t, files);
    const { manifestBytes, signatures, manifest } = buildBundle(files);
    const parts = { manifestBytes, signatures, layout: planLayout(manifestBytes, signatures, manifest) };
    const file = openBundleFile(join(temporaryFolder(t), 'X.tar'), parts, { sparse: true });
    const { entries, firstFile } = parts.layout;
    const tasks = entries.slice(firstFile).map((place, position) => ({
      index: firstFile + position,
      place,
      descriptor: { mediaType: MEDIA_TYPE.ociLayer, digest: `sha256:${place.sha256}` as const, size: place.size },
      sources: [parseReference(`${host}/x/app:v1`)],
      received: 0,
    }));
    await transferBlobs(tasks, file, { userAgent: 'airgap-test', authFiles: [], maxConnections }, collectingContext());
    await file.finish();
    assert.equal(most(), maxConnections);
  });
}

const BODY = blob(noise(300_000, 'body'));
const QUIET: FetchProgress = { received: () => undefined, restarted: () => undefined };

/** Fetches BODY to the beginning of a file. */
async function fetchTo(t: TestContext, { host }: BlobServer, path: string, progress = QUIET): Promise<void> {
  const client = createRegistryClient({ userAgent: 'airgap-test', authFiles: [], attempts: 1 }, collectingContext());
  const writer = openBodyWriter(path, { direct: false });
  t.after(() => {
    client.close();
    writer.close();
  });
  const size = BODY.content.length;
  const hex = sha256(BODY.content);
  const descriptor = { mediaType: MEDIA_TYPE.ociLayer, digest: `sha256:${hex}` as const, size };
  const place = { path: BODY.path, size, sha256: hex, bodyAt: 0 };
  const sources = [parseReference(`${host}/x/app:v1`)];
  const task = { index: 0, place, descriptor, sources, received: 0 };
  await fetchBody(task, { client, writer }, progress, collectingContext());
}

test('an output that can not be written to is told as such, and the source is not asked again', async (t) => {
  const source = await serveBlobs(t, [BODY]);
  // The kernel answers writes to memory that is not there as a broken disk does.
  const failure = { code: 'E_USAGE', message: '/proc/self/mem can not be written: EIO' };
  await assert.rejects(fetchTo(t, source, '/proc/self/mem'), failure);
  assert.equal(source.asked(), 1);
});

test('a defect of ours is not taken for a broken connection', async (t) => {
  const source = await serveBlobs(t, [BODY]);
  const path = join(temporaryFolder(t), 'body');
  writeFileSync(path, '');
  const defect = new TypeError('a defect');
  const received = (): void => {
    throw defect;
  };
  await assert.rejects(fetchTo(t, source, path, { ...QUIET, received }), defect);
  assert.equal(source.asked(), 1);
});
