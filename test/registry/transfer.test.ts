/** Blobs on their way from a server into an unfinished bundle. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { planLayout } from '../../src/bundle/layout.ts';
import { openBundleFile } from '../../src/bundle/writer.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { MEDIA_TYPE } from '../../src/oci/types.ts';
import { transferBlobs } from '../../src/workflows/transfer.ts';
import { blob, buildBundle, collectingContext, noise, temporaryFolder, type TestFile } from '../support/bundles.ts';

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
