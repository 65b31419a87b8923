import ora from 'ora';
import { createProgress } from './progress.ts';
import { permanentLine, type Renderer, type RenderOptions } from './render.ts';

/** Often enough to look alive, seldom enough to cost nothing. */
const REDRAW_INTERVAL_MS = 200;

/** One live status line on a terminal; permanent lines scroll above it. */
export function createTtyRenderer(options: RenderOptions & { readonly stream: NodeJS.WriteStream }): Renderer {
  const progress = createProgress(options.now);
  const spinner = ora({ stream: options.stream, discardStdin: false, hideCursor: true });
  const timer = setInterval(redraw, REDRAW_INTERVAL_MS);
  timer.unref();
  let isPaused = false;

  function redraw(): void {
    if (isPaused) return;
    const line = progress.line();
    if (line === '') {
      if (spinner.isSpinning) spinner.stop();
      return;
    }
    spinner.text = fit(line, options.stream.columns);
    if (!spinner.isSpinning) spinner.start();
  }

  return {
    report(event) {
      progress.add(event);
      const line = permanentLine(event, options.verbose);
      if (line === undefined) return;
      if (spinner.isSpinning) spinner.clear();
      options.write(`${line}\n`);
    },
    pause() {
      isPaused = true;
      spinner.stop();
    },
    resume() {
      isPaused = false;
    },
    close() {
      clearInterval(timer);
      spinner.stop();
    },
  };
}

/** Cuts a line so that it never wraps: a wrapped line can not be redrawn in place. The spinner takes two columns. */
function fit(line: string, columns: number | undefined): string {
  const room = (columns ?? 80) - 3;
  return line.length <= room ? line : `${line.slice(0, Math.max(0, room - 1))}…`;
}
