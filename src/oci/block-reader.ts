import { AirgapError } from '../core/errors.ts';

/** Unit of the tar format. */
export const BLOCK = 512;

/** Cuts a byte stream into tar headers and bodies; never holds more than one chunk. */
export class BlockReader {
  private readonly source: AsyncGenerator<Buffer>;
  private readonly what: string;
  private readonly maxBytes: number;
  private chunk: Buffer = Buffer.alloc(0);
  private received = 0;
  private bodyLeft = 0;
  private padding = 0;

  constructor(source: AsyncGenerator<Buffer>, what: string, maxBytes: number) {
    this.source = source;
    this.what = what;
    this.maxBytes = maxBytes;
  }

  /** Bytes handed out so far. */
  get position(): number {
    return this.received - this.chunk.length;
  }

  /** The next 512 bytes, or undefined at the end of the stream. */
  async header(): Promise<Buffer | undefined> {
    await this.skipBody();
    const parts: Buffer[] = [];
    for (let missing = BLOCK; missing > 0;) {
      const part = await this.take(missing);
      if (part === undefined) {
        if (parts.length === 0) return undefined;
        throw this.truncated();
      }
      parts.push(part);
      missing -= part.length;
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /** Declares that a body of `size` bytes follows. */
  startBody(size: number): void {
    this.bodyLeft = size;
    this.padding = (BLOCK - (size % BLOCK)) % BLOCK;
  }

  /** What is left of the body. */
  async *body(): AsyncGenerator<Buffer> {
    while (this.bodyLeft > 0) {
      const part = await this.take(this.bodyLeft);
      if (part === undefined) throw this.truncated();
      this.bodyLeft -= part.length;
      yield part;
    }
  }

  /** Goes to the end of the body and its padding. */
  async skipBody(): Promise<void> {
    for (let left = this.bodyLeft + this.padding; left > 0;) {
      const part = await this.take(left);
      if (part === undefined) throw this.truncated();
      left -= part.length;
    }
    this.bodyLeft = 0;
    this.padding = 0;
  }

  /** Reads what follows the archive: nothing uses it, but its bytes belong to the digest. */
  async drain(): Promise<void> {
    while ((await this.take(Number.MAX_SAFE_INTEGER)) !== undefined);
  }

  async close(): Promise<void> {
    await this.source.return(undefined);
  }

  /** Up to `size` bytes, as they come. */
  private async take(size: number): Promise<Buffer | undefined> {
    while (this.chunk.length === 0) {
      const next = await this.source.next();
      if (next.done === true) return undefined;
      this.chunk = next.value;
      this.received += next.value.length;
      if (this.received > this.maxBytes) {
        throw new AirgapError('E_LIMIT', `${this.what}: unpacks to more than ${this.maxBytes} bytes`);
      }
    }
    const part = this.chunk.subarray(0, size);
    this.chunk = this.chunk.subarray(part.length);
    return part;
  }

  private truncated(): AirgapError {
    return new AirgapError('E_OCI', `${this.what}: the tar archive ends in the middle of an entry`);
  }
}
