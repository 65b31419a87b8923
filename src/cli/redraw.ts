import { setTimeout as sleep } from 'node:timers/promises';

/** Home, then clear from there: the screen does not flicker as it would when it were emptied first. */
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
const CLEAR_ALL = '\u001b[2J';

/** Shows what `read` gives again and again in place until the signal ends it. On no terminal every state is printed below the last. */
export async function redraw<T>(
  read: () => Promise<T>,
  format: (value: T) => string,
  options: { readonly intervalMs: number; readonly signal: AbortSignal },
): Promise<never> {
  const isTerminal = process.stdout.isTTY;
  if (isTerminal) process.stdout.write(CLEAR_ALL);
  for (;;) {
    const text = `${new Date().toLocaleTimeString()}\n${format(await read())}`;
    const lines = text.split('\n').slice(0, isTerminal ? process.stdout.rows - 1 : undefined);
    process.stdout.write(
      isTerminal
        ? `${HOME}${lines.map((line) => `${line.slice(0, process.stdout.columns)}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`
        : `${text}\n\n`,
    );
    await sleep(options.intervalMs, undefined, { signal: options.signal });
  }
}
