import { Writable } from 'node:stream';
import { AirgapError, systemCodeOf } from '../core/errors.ts';

/**
 * Standard output as a stream of its own: it ends with the bundle, while the process keeps its standard output. A reader
 * that goes away early is `E_TRUNCATED`.
 */
export function openStandardOutput(): Writable {
  // The callback of the write tells; without a listener the event would end the process.
  process.stdout.on('error', () => undefined);
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      process.stdout.write(chunk, (error) => done(error == null ? null : closedError(error)));
    },
  });
}

function closedError(error: Error): Error {
  const code = systemCodeOf(error);
  if (code !== 'EPIPE' && code !== 'ECONNRESET') return error;
  return new AirgapError('E_TRUNCATED', 'standard output was closed before the bundle was complete', {
    hint: 'the program that reads the bundle ended early: see what it said, then run the same command again',
    cause: error,
  });
}
