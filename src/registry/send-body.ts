import type http from 'node:http';
import { AirgapError } from '../core/errors.ts';
import type { LentPieces } from '../oci/content.ts';
import { sourceError } from './registry-error.ts';

/** Content on its way to a registry: its length, its pieces, and what to call the target in messages. */
export interface OutgoingBody {
  readonly size: number;
  readonly pieces: LentPieces;
  readonly target: string;
}

/**
 * Sends a body and ends the request. A piece is asked for only when the one before has left, because its memory may be used
 * again (`LentPieces`). An answer or a break before the end ends the sending; a body of another length breaks the
 * request with `E_DIGEST`, a source that fails with its own error.
 */
export async function sendBody(request: http.ClientRequest, { size, pieces, target }: OutgoingBody): Promise<void> {
  let sent = 0;
  let isOver = false;
  let wake = (): void => undefined;
  const end = (): void => {
    isOver = true;
    wake();
  };
  request.once('response', end).once('close', end);
  const leave = (piece: Buffer): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
      request.write(piece, () => resolve());
    });
  try {
    for await (const piece of pieces) {
      sent += piece.length;
      if (isOver || sent > size) break;
      await leave(piece);
      if (isOver) break;
    }
  } catch (error) {
    request.destroy(sourceError(error) as Error);
    return;
  }
  if (isOver) return;
  if (sent === size) request.end();
  else request.destroy(lengthError(target, sent > size ? 'is longer' : `has ${sent}`, size));
}

function lengthError(target: string, problem: string, size: number): AirgapError {
  return new AirgapError('E_DIGEST', `${target}: the content to push ${problem}, not ${size} bytes`, {
    data: { side: 'source' },
  });
}
