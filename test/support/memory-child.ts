/** `node memory-child.ts write|verify|pipe PATH`: does one job on a bundle with a large entry, prints the peak memory in bytes. */
import { createCipheriv, createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { planLayout } from '../../src/bundle/layout.ts';
import { planManifest, serializeManifest } from '../../src/bundle/manifest.ts';
import { verifyBundle } from '../../src/bundle/checks.ts';
import { openBodyWriter, openBundleFile } from '../../src/bundle/writer.ts';
import { acceptTestSignature, collectingContext, signForTest, TEST_IDENTITY } from './bundles.ts';

const PIECE = 64 * 1024;
const PIECES = (400 * 2 ** 20) / PIECE;

async function* largeBody(): AsyncGenerator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const zeros = Buffer.alloc(PIECE);
  for (let n = 0; n < PIECES; n += 1) yield cipher.update(zeros);
}

async function write(path: string): Promise<void> {
  const hash = createHash('sha256');
  for await (const piece of largeBody()) hash.update(piece);
  const hex = hash.digest('hex');
  const manifest = planManifest(TEST_IDENTITY, [{ path: `blobs/sha256/${hex}`, size: PIECES * PIECE, sha256: hex }]);
  const manifestBytes = serializeManifest(manifest);
  const signatures = signForTest(manifestBytes, TEST_IDENTITY);
  const layout = planLayout(manifestBytes, signatures, manifest);
  const writer = openBundleFile(path, { manifestBytes, signatures, layout });
  const bodies = openBodyWriter(writer.partialPath, { direct: true });
  await bodies.write(layout.entries[layout.firstFile]!, largeBody());
  bodies.close();
  writer.completed(layout.firstFile);
  await writer.finish();
}

const [job, path] = process.argv.slice(2) as [string, string];
const options = { ...collectingContext(), accept: acceptTestSignature, report: () => undefined };
if (job === 'write') await write(path);
if (job === 'verify') await verifyBundle({ paths: [path] }, options);
if (job === 'pipe') await verifyBundle({ stream: createReadStream(path) }, options);
process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
