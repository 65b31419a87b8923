import { createInterface } from 'node:readline/promises';
import { AirgapError, isAirgapError } from '../core/errors.ts';

interface Question {
  readonly text: string;
  /** Taken for an empty answer. */
  readonly preset: string;
  /** Throws an AirgapError for an answer that can not be; the question is then asked again. */
  check?(answer: string): void;
}

/** Asks questions on the terminal, one after the other. */
export interface Asker {
  ask(question: Question): Promise<string>;
  close(): void;
}

/** True when there is somebody to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Opens the terminal. A question throws when the signal aborts, and `E_USAGE` when the input ends. */
export function openAsker(signal: AbortSignal): Asker {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // Begun now: of several lines that arrive at once none is lost.
  const answers = lines[Symbol.asyncIterator]();
  // readline takes Ctrl-C for itself.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  const close = (): void => lines.close();
  signal.addEventListener('abort', close, { once: true });
  return {
    async ask({ text, preset, check }) {
      for (;;) {
        lines.setPrompt(`${text}${preset === '' ? '' : ` [${preset}]`}: `);
        lines.prompt();
        const line = await answers.next();
        signal.throwIfAborted();
        if (line.done === true)
          throw new AirgapError('E_USAGE', `no answer to: ${text}`, { hint: 'use flags, see --help' });
        const answer = line.value.trim() || preset;
        try {
          check?.(answer);
          return answer;
        } catch (error) {
          if (!isAirgapError(error)) throw error;
          process.stderr.write(`  ${error.message}; ${error.hint ?? 'try again'}\n`);
        }
      }
    },
    close() {
      signal.removeEventListener('abort', close);
      close();
    },
  };
}

/** An answer that may be left out. */
export function optional(answer: string): string | undefined {
  return answer === '' ? undefined : answer;
}

/** An answer of several words, with spaces or commas between them. */
export function words(answer: string): string[] {
  return answer.split(/[\s,]+/).filter((word) => word !== '');
}
