import { formatBytes, formatDuration, formatRate } from '../core/bytes.ts';
import type { ProgressEvent } from '../core/events.ts';

/** The rate shown is that of the last seconds, so that it follows a changing link. */
const RATE_WINDOW_MS = 10_000;

export interface Progress {
  /** Takes an event into account. */
  add(event: ProgressEvent): void;
  /** The running stage in one line: `pack · 12/190 images · 31.2/48.7 GiB · 86 MiB/s · 3 min left`. Empty without a stage. */
  line(): string;
}

/** Sums up events. `now` gives milliseconds. */
export function createProgress(now: () => number): Progress {
  let stage: string | undefined;
  let waiting: string | undefined;
  let totals = { images: 0, bytes: 0 };
  let imagesDone = 0;
  let bytesDone = 0;
  let bytesMoved = 0;
  let samples: { at: number; bytes: number }[] = [];

  function add(event: ProgressEvent): void {
    switch (event.type) {
      case 'stage':
        stage = event.state === 'started' ? event.name : undefined;
        waiting = undefined;
        totals = { images: 0, bytes: 0 };
        imagesDone = 0;
        bytesDone = 0;
        bytesMoved = 0;
        samples = [{ at: now(), bytes: 0 }];
        return;
      case 'total':
        totals = { images: event.images, bytes: event.bytes };
        return;
      case 'blob':
        bytesDone += event.bytes;
        bytesMoved += event.bytes;
        addSample();
        return;
      case 'skipped':
        bytesDone += event.size;
        return;
      case 'image':
        imagesDone += 1;
        return;
      case 'waiting':
        waiting = `${event.subject}: ${event.reason} (${formatDuration(event.elapsedMs)} of ${formatDuration(event.limitMs)})`;
        return;
      case 'retry':
      case 'request':
      case 'change':
      case 'rollout':
      case 'warning':
        return;
    }
  }

  function addSample(): void {
    const at = now();
    const last = samples.at(-1);
    if (last !== undefined && samples.length > 1 && at - last.at < 200) last.bytes = bytesMoved;
    else samples.push({ at, bytes: bytesMoved });
    const oldest = at - RATE_WINDOW_MS;
    while (samples.length > 2 && samples[1]!.at <= oldest) samples.shift();
  }

  function line(): string {
    if (stage === undefined) return '';
    const parts = [stage];
    if (totals.images > 0) parts.push(`${imagesDone}/${totals.images} images`);
    if (totals.bytes > 0) parts.push(`${formatBytes(bytesDone)} of ${formatBytes(totals.bytes)}`);
    const rate = currentRate();
    if (rate > 0 && totals.bytes > 0) {
      parts.push(formatRate(rate));
      const left = totals.bytes - bytesDone;
      if (left > 0) parts.push(`${formatDuration((left / rate) * 1000)} left`);
    }
    if (waiting !== undefined) parts.push(waiting);
    return parts.join(' · ');
  }

  function currentRate(): number {
    const first = samples[0];
    if (first === undefined) return 0;
    const seconds = (now() - first.at) / 1000;
    return seconds < 0.5 ? 0 : (bytesMoved - first.bytes) / seconds;
  }

  return { add, line };
}
