import type { Volumes } from './volumes.ts';

/** Input that is read front to back once: a pipe, or a file treated like one. */
export interface OrderedInput {
  /** Bytes from the start of the bundle to the next byte that is read. */
  readonly position: number;
  /** The next `length` bytes; fewer only where the input ends. */
  read(length: number): Promise<Buffer>;
  /** Gives the last bytes that were read back. */
  unread(bytes: Buffer): void;
  /** Everything left, in pieces. */
  rest(): AsyncGenerator<Buffer>;
  /** Lets go of a source that was not read to its end. */
  close(): Promise<void>;
}

/** Reads a stream of chunks in order. Keeps no more than what one `read` asks for and one chunk. */
export function orderedStream(chunks: AsyncIterable<Uint8Array>): OrderedInput {
  const source = chunks[Symbol.asyncIterator]();
  const held: Buffer[] = [];
  let position = 0;

  const pull = async (): Promise<Buffer | undefined> => {
    const result = await source.next();
    if (result.done === true) return undefined;
    const { value } = result;
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  };

  return {
    get position() {
      return position;
    },
    async read(length) {
      const taken: Buffer[] = [];
      let missing = length;
      while (missing > 0) {
        const chunk = held.shift() ?? (await pull());
        if (chunk === undefined) break;
        if (chunk.length > missing) held.unshift(chunk.subarray(missing));
        const piece = chunk.subarray(0, missing);
        taken.push(piece);
        missing -= piece.length;
      }
      position += length - missing;
      return taken.length === 1 ? taken[0]! : Buffer.concat(taken);
    },
    unread(bytes) {
      held.unshift(bytes);
      position -= bytes.length;
    },
    async *rest() {
      for (;;) {
        const chunk = held.shift() ?? (await pull());
        if (chunk === undefined) return;
        position += chunk.length;
        yield chunk;
      }
    },
    async close() {
      await source.return?.();
    },
  };
}

/** Reads the start of a bundle file in order. */
export function orderedVolumes(volumes: Volumes): OrderedInput {
  let position = 0;
  const read = async (length: number): Promise<Buffer> => {
    // What is not there is not allocated, whatever a header claims.
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, volumes.size - position)));
    const count = await volumes.read(buffer, position);
    position += count;
    return buffer.subarray(0, count);
  };
  return {
    get position() {
      return position;
    },
    read,
    unread(bytes) {
      position -= bytes.length;
    },
    async *rest() {
      for (;;) {
        const chunk = await read(1024 * 1024);
        if (chunk.length === 0) return;
        yield chunk;
      }
    },
    // The volumes belong to who opened them.
    close: () => Promise.resolve(),
  };
}
