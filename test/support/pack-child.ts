/**
 * Writes one fixed bundle, slowly, as a process of its own: `node pack-child.ts FINAL_PATH sparse|ordered [VOLUME_SIZE]`. Prints what an earlier run left. Made to
 * be killed at any moment and run again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { planLayout } from '../../src/bundle/layout.ts';
import { writeInOrder } from '../../src/bundle/write-in-order.ts';
import { openBodyWriter, openBundleFile } from '../../src/bundle/writer.ts';
import { blob, buildBundle, file, noise, type TestBundle, type TestFile } from './bundles.ts';

/** Sizes around every border the writer knows: blocks, pages, its buffer, the step of the journal. */
const SIZES = [511, 65_537, 300_000, 40_000_003, 0, 1, 512, 513, 4095, 4097, 65_535, 1_048_576, 1_048_577, 3_000_001];

export function slowBundleFiles(): TestFile[] {
  const many = Array.from({ length: 60 }, (_, n) => file(`small/${n}`, noise(100 + 37 * n, `small ${n}`)));
  return [...SIZES.map((size, n) => blob(noise(size, `size ${n}`))), ...many];
}

export function slowBundle(): TestBundle {
  return buildBundle(slowBundleFiles());
}

async function* slowBody(content: Buffer, offset: number): AsyncGenerator<Buffer> {
  for (let at = offset; at < content.length; at += 500_001) {
    yield content.subarray(at, at + 500_001);
    await sleep(1);
  }
}

async function pack(finalPath: string, sparse: boolean, volumeSize: number | undefined): Promise<void> {
  const files = slowBundleFiles();
  const bundle = buildBundle(files);
  const layout = planLayout(bundle.manifestBytes, bundle.signatures, bundle.manifest);
  const contents = new Map(files.map(({ path, content }) => [path, content]));
  const parts = { manifestBytes: bundle.manifestBytes, signatures: bundle.signatures, layout };
  const writer = openBundleFile(finalPath, parts, { sparse, volumeSize });
  process.stdout.write(`${JSON.stringify({ kept: writer.complete.size, partly: [...writer.progress.values()] })}\n`);
  if (writer.mode === 'ordered') {
    await writeInOrder(writer, parts, {
      signal: new AbortController().signal,
      open: (entry, offset) => Promise.resolve(slowBody(contents.get(entry.path)!, offset)),
      onEntry: () => void writer.flush(),
    });
  } else {
    const bodies = openBodyWriter(writer.pieces, { direct: true });
    const queue = [...layout.entries.keys()].slice(layout.firstFile).filter((index) => !writer.complete.has(index));
    const work = async (): Promise<void> => {
      for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
        const entry = layout.entries[index]!;
        const received = writer.progress.get(index) ?? 0;
        const transfer = received > 0 ? bodies.resume(entry, received) : bodies.begin(entry);
        const current = index;
        await bodies.write(entry, slowBody(contents.get(entry.path)!, transfer.received), {
          transfer,
          onReceived: (bytes) => writer.progressed(current, bytes),
        });
        writer.completed(index);
        await writer.flush();
      }
    };
    await Promise.all([work(), work(), work(), work()]);
    bodies.close();
  }
  await writer.finish();
}

if (import.meta.main) {
  const [, , path, mode, volumeSize] = process.argv;
  await pack(path!, mode === 'sparse', volumeSize === undefined ? undefined : Number(volumeSize));
}
