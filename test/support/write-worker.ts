/** Worker entry: writes given bodies to a bundle file, in pieces that yield to the other threads. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';
import { openBodyWriter, type BodyPlace } from '../../src/bundle/writer.ts';

const { path, work } = workerData as { path: string; work: { place: BodyPlace; content: Uint8Array }[] };
const writer = openBodyWriter(path, { direct: true });
await Promise.all(work.map(({ place, content }) => writer.write(place, slowly(content))));
writer.close();

async function* slowly(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 16_000) {
    yield content.subarray(at, at + 16_000);
    await nextTurn();
  }
}
