import type { ErrorCode } from './errors.ts';

/**
 * What a layer reports while it works: facts, never text for a terminal. Rendering happens in `cli` alone.
 * Byte counts are bytes; times are milliseconds.
 */
export type ProgressEvent =
  /** A stage of the command begins or ends (`plan`, `pack`, `verify`, `push`, …). `detail` is one line about its result. */
  | {
      readonly type: 'stage';
      readonly name: string;
      readonly state: 'started' | 'finished';
      readonly detail?: string;
      readonly elapsedMs?: number;
    }
  /** How much the running stage will move. Sent once the plan is known, again when it changes. */
  | { readonly type: 'total'; readonly images: number; readonly blobs: number; readonly bytes: number }
  /** Bytes of one blob that were moved since its last event (`bytes` is a difference); `done` on its last event. */
  | {
      readonly type: 'blob';
      readonly digest: string;
      readonly size: number;
      readonly bytes: number;
      readonly done: boolean;
    }
  /** Content that needed no transfer: `present` on the target, or `kept` from an earlier interrupted run. */
  | {
      readonly type: 'skipped';
      readonly digest: string;
      readonly size: number;
      readonly reason: 'present' | 'kept' | 'mounted';
    }
  /** An image is completely there. */
  | { readonly type: 'image'; readonly reference: string; readonly digest?: string }
  /** A request is repeated after `delayMs`. */
  | {
      readonly type: 'retry';
      readonly subject: string;
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
    }
  /** One HTTP request that was answered (shown with `--verbose`); the URL carries no secret. */
  | {
      readonly type: 'request';
      readonly method: string;
      readonly url: string;
      readonly status: number;
      readonly elapsedMs: number;
    }
  /** A resource on the cluster was created, configured, left unchanged or skipped; in a dry run, it would be. */
  | {
      readonly type: 'change';
      readonly subject: string;
      readonly action: 'created' | 'configured' | 'unchanged' | 'skipped';
      /** Only a preview: nothing is written. */
      readonly isPreview?: true;
      /** Fields that differ; values of Secrets as length and digest. */
      readonly differences?: readonly FieldDifference[];
      /** Why there is no full preview. */
      readonly note?: string;
    }
  /** What previewed changes would do to nodes. */
  | ({ readonly type: 'rollout' } & Rollout)
  /** A wait on the cluster: what is waited for, the last reason seen, and how long it may take. */
  | {
      readonly type: 'waiting';
      readonly subject: string;
      readonly reason: string;
      readonly elapsedMs: number;
      readonly limitMs: number;
    }
  | { readonly type: 'warning'; readonly code: WarningCode | ErrorCode; readonly message: string };

/** One field of a resource that differs. `before` or `after` is undefined when the field is not there. */
export interface FieldDifference {
  /** `spec.image`, `spec.sources[0].name`, `metadata.labels["a.b/c"]`; empty for the whole resource. */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/**
 * `drain`: node after node is emptied first. `restart`: kubelet and CRI-O restart. `reload`: a roll-out of files that CRI-O
 * reloads. `none`: files come without any roll-out. `replace`: new machines.
 */
export type RolloutEffect = 'drain' | 'restart' | 'reload' | 'none' | 'replace';

/** What a change does to the nodes of a cluster. */
export interface Rollout {
  readonly effect: RolloutEffect;
  /** Machine config pools, or the hosted cluster. A paused pool never finishes. */
  readonly pools: readonly { readonly name: string; readonly nodes: number; readonly isPaused?: true }[];
  /** The changes that cause it, one each. */
  readonly because: readonly string[];
  readonly expectedMs?: number;
}

/** Conditions worth telling that do not stop a run. */
export type WarningCode =
  | 'W_UNSIGNED'
  | 'W_PLAIN_KEY'
  | 'W_CERTIFICATE'
  | 'W_EXPIRED'
  | 'W_SPARSE'
  | 'W_SIGNATURE_FORM'
  | 'W_MISSING_SIGNATURE'
  | 'W_BLOCKED'
  /** A resource names an image that no mirror set leads to. */
  | 'W_UNMIRRORED'
  | 'W_GAP'
  | 'W_CONFIG'
  | 'W_GRAPH'
  | 'W_CATALOG'
  | 'W_CLUSTER'
  /** Another program mirrored something else than was planned, or said so itself. */
  | 'W_ENGINE'
  | 'W_INSECURE';

export type Reporter = (event: ProgressEvent) => void;

/** What every function that can wait receives: a way to stop it and a way for it to tell. */
export interface RunContext {
  readonly signal: AbortSignal;
  readonly report: Reporter;
}

/** A finding that is part of a plan or a report, as data. */
export interface Warning {
  readonly code: WarningCode;
  readonly message: string;
}
