import type { ProgressEvent } from '../../core/events.ts';

/** One line of what the vendor's program prints, understood. */
export type SaidLine =
  /** How many images it is going to copy. */
  | { readonly kind: 'total'; readonly images: number }
  | { readonly kind: 'copied'; readonly origin: string }
  | { readonly kind: 'failed'; readonly origin: string }
  /** All images are there; the archive is being written. */
  | { readonly kind: 'archiving' }
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'error'; readonly text: string };

// `2026/08/21 09:12:33  [INFO]   : text` on both streams (oc-mirror behaviour, "Flags", and recorded runs).
const PREFIX = /^\S+ \S+\s+\[(INFO|WARN|ERROR|DEBUG|TRACE)\]\s*: ?/;

/** Understands one line; undefined for everything that tells nothing. */
export function readLine(line: string): SaidLine | undefined {
  const prefix = PREFIX.exec(line);
  const text = (prefix === null ? line : line.slice(prefix[0].length)).trim();
  const total = /images to copy (\d+)$/.exec(text);
  if (total !== null) return { kind: 'total', images: Number(total[1]) };
  const copied = /^Success copying (\S+) /u.exec(text);
  if (copied !== null) return { kind: 'copied', origin: withoutTransport(copied[1]!) };
  const failed = /^Failed to copy \S+ (\S+)$/.exec(text);
  if (failed !== null) return { kind: 'failed', origin: withoutTransport(failed[1]!) };
  if (/Preparing the tarball archive/.test(text)) return { kind: 'archiving' };
  if (prefix?.[1] === 'WARN') return { kind: 'warning', text };
  if (prefix?.[1] === 'ERROR') return { kind: 'error', text };
  // What stops the program before its log is set up: klog's form, a message of the flag parser, a panic.
  if (/^[EF]\d{4} |^Error: |^panic: /.test(text)) return { kind: 'error', text };
  return undefined;
}

/** What was said that matters afterwards. */
export interface Said {
  /** Error lines, oldest first; at most {@link MOST_ERRORS}. */
  readonly errors: readonly string[];
  readonly failed: readonly string[];
  readonly copied: number;
}

const MOST_ERRORS = 50;

export interface SaidReader {
  readonly onLine: (line: string) => void;
  readonly said: Said;
}

/**
 * Turns lines into events: the number of images, each image with the bytes `sizeOf` knows of it, warnings; `onArchiving` when
 * the program turns to its archive.
 */
export function createSaidReader(options: {
  readonly report: (event: ProgressEvent) => void;
  /** Digest of the image with this origin, and what it brings; undefined when the plan does not know it. */
  readonly sizeOf: (origin: string) => { readonly digest: string; readonly bytes: number } | undefined;
  readonly totalBytes: number;
  readonly onArchiving?: () => void;
}): SaidReader {
  const errors: string[] = [];
  const failed: string[] = [];
  const said = { errors, failed, copied: 0 };
  const { report } = options;
  return {
    said,
    onLine(line) {
      const read = readLine(line);
      if (read === undefined) return;
      switch (read.kind) {
        case 'total':
          return report({ type: 'total', images: read.images, blobs: 0, bytes: options.totalBytes });
        case 'copied': {
          said.copied += 1;
          const size = options.sizeOf(read.origin);
          if (size !== undefined) {
            const { digest, bytes } = size;
            report({ type: 'blob', digest, size: bytes, bytes, done: true });
          }
          return report({
            type: 'image',
            reference: read.origin,
            ...(size === undefined ? {} : { digest: size.digest }),
          });
        }
        case 'failed':
          failed.push(read.origin);
          return;
        case 'archiving':
          return options.onArchiving?.();
        case 'warning':
          // About a cache that is new every time, and about what we set ourselves.
          return report({ type: 'warning', code: 'W_ENGINE', message: `oc-mirror: ${read.text}` });
        case 'error':
          if (errors.length === MOST_ERRORS) errors.shift();
          errors.push(read.text);
          return;
      }
    },
  };
}

function withoutTransport(reference: string): string {
  return reference.replace(/^docker:\/\//, '');
}
