import { formatDuration } from '../core/bytes.ts';
import type { ProgressEvent, Reporter } from '../core/events.ts';
import { formatDifferences } from './diff-text.ts';
import { createProgress } from './progress.ts';
import { rolloutLine } from './rollout-text.ts';

/** Without a terminal the state of a running stage is said this often. */
const LINE_INTERVAL_MS = 30_000;

export interface Renderer {
  readonly report: Reporter;
  /** Keeps a live line away while somebody is asked something on the same terminal. */
  pause(): void;
  resume(): void;
  /** Ends the output: removes what was temporary. */
  close(): void;
}

export interface RenderOptions {
  readonly write: (text: string) => void;
  readonly now: () => number;
  /** Also shows requests and retries. */
  readonly verbose: boolean;
}

/** Plain lines: permanent events as they come, the state of the running stage every 30 s. */
export function createLineRenderer(options: RenderOptions): Renderer {
  const progress = createProgress(options.now);
  let lastLineAt = options.now();
  return {
    report(event) {
      progress.add(event);
      const line = permanentLine(event, options.verbose);
      if (line !== undefined) options.write(`${line}\n`);
      if (event.type === 'stage' || line !== undefined) {
        lastLineAt = options.now();
      } else if (options.now() - lastLineAt >= LINE_INTERVAL_MS) {
        lastLineAt = options.now();
        options.write(`${progress.line()}\n`);
      }
    },
    pause() {},
    resume() {},
    close() {},
  };
}

/** Every event as one line of JSON with its time. */
export function createJsonRenderer(options: RenderOptions): Renderer {
  return {
    report(event) {
      if (event.type === 'request' && !options.verbose) return;
      options.write(`${JSON.stringify({ time: new Date(options.now()).toISOString(), ...event })}\n`);
    },
    pause() {},
    resume() {},
    close() {},
  };
}

/** The line an event leaves behind for good, or undefined when it only moves the progress. */
export function permanentLine(event: ProgressEvent, verbose: boolean): string | undefined {
  switch (event.type) {
    case 'stage': {
      if (event.state === 'started') return undefined;
      const took = event.elapsedMs === undefined ? '' : ` (${formatDuration(event.elapsedMs)})`;
      return `✓ ${event.name}${event.detail === undefined ? '' : `: ${event.detail}`}${took}`;
    }
    case 'warning':
      return `! ${event.code}: ${event.message}`;
    case 'change':
      return event.action === 'unchanged' && !verbose ? undefined : changeLines(event);
    case 'rollout':
      return `  ${rolloutLine(event)}`;
    case 'retry':
      return `~ ${withSubject(event.subject, event.reason)}; again in ${formatDuration(event.delayMs)} (try ${event.attempt + 1})`;
    case 'request':
      return verbose ? `  ${event.method} ${event.url} ${event.status} ${Math.round(event.elapsedMs)} ms` : undefined;
    case 'total':
    case 'blob':
    case 'skipped':
    case 'image':
    case 'waiting':
      return undefined;
  }
}

/** What was done to a resource; in a preview, what would be, with the fields that differ. */
function changeLines(event: Extract<ProgressEvent, { type: 'change' }>): string {
  const { subject, action, isPreview, note, differences = [] } = event;
  if (isPreview !== true || action === 'unchanged') return `  ${subject} ${action}`;
  const first = `  ${subject} would be ${action}${note === undefined ? '' : ` (no full preview: ${note})`}`;
  return [first, ...formatDifferences(differences).map((line) => `      ${line}`)].join('\n');
}

/** Some reasons name their subject already. */
function withSubject(subject: string, reason: string): string {
  return reason.startsWith(`${subject}: `) ? reason : `${subject}: ${reason}`;
}
