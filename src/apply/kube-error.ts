import { AirgapError, systemCodeOf, type ErrorCode } from '../core/errors.ts';
import { listAt, numberAt, textAt, valueAt } from './kube-object.ts';

/** A field that another manager owns and we wanted to set otherwise. */
export interface FieldConflict {
  readonly manager: string;
  readonly field: string;
}

/** What `error.data` of an API error holds. */
export interface KubeErrorData {
  readonly status: number;
  readonly reason: string;
  readonly conflicts?: readonly FieldConflict[];
}

export interface FailedRequest {
  /** What was being done, in words: `apply`, `read`, … */
  readonly verb: string;
  /** `Kind/namespace/name`, or a path. */
  readonly subject: string;
  readonly server: string;
}

/** Errors of the TLS layer that a user settles with the kubeconfig's CA, not by waiting. */
const CERTIFICATE_CODES: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** Phrases of an admission webhook whose server is not up yet (it restarts, or was just installed). */
const WEBHOOK_NOT_READY =
  /failed calling webhook|no endpoints available for service|connection refused|context deadline exceeded|no service port/i;

/** What a server error says when the server, and not the content, is the cause. */
const TROUBLE_OF_THE_SERVER =
  /etcdserver|internal error occurred|timed? ?out|leader|connection|\bEOF\b|unavailable|shutting down/i;

/**
 * The error for an answer with status 400 or above. Reads the `Status` document (Kubernetes API, "Status"): conflicts name
 * the other manager and the field, admission messages are passed on unchanged, Secret values never reach the text.
 */
export function statusError(request: FailedRequest, status: number, body: string): AirgapError {
  const document = parseStatus(body);
  const reason = textAt(document, 'reason') ?? '';
  const message = textAt(document, 'message') ?? body.trim().slice(0, 500);
  const what = `${request.verb} ${request.subject}`;
  const conflicts = listAt(document, 'details', 'causes')
    .filter((cause) => textAt(cause, 'reason') === 'FieldManagerConflict')
    .map((cause): FieldConflict => {
      const text = textAt(cause, 'message') ?? '';
      return { manager: /conflict with "([^"]*)"/.exec(text)?.[1] ?? text, field: textAt(cause, 'field') ?? '' };
    });
  const data: KubeErrorData = { status, reason, ...(conflicts.length === 0 ? {} : { conflicts }) };
  if (conflicts.length > 0) {
    const list = conflicts.map(({ manager, field }) => `${field} is managed by ${JSON.stringify(manager)}`).join(', ');
    return new AirgapError('E_CONFLICT', `${what}: ${list}`, {
      hint: 'change it there, or run again with --force-conflicts to take these fields over',
      data: { ...data },
    });
  }
  const code = codeFor(status, message);
  const shown =
    request.subject.startsWith('Secret/') && (status === 400 || status === 500)
      ? 'the content could not be read'
      : message;
  const hint = hintFor(code, request, message);
  return new AirgapError(code, `${what}: ${shown === '' ? `HTTP status ${status}` : shown}`, {
    ...(hint === undefined ? {} : { hint }),
    data: { ...data },
  });
}

/** The error for a request that got no answer. */
export function networkError(request: FailedRequest, cause: unknown): AirgapError {
  const code = systemCodeOf(cause) ?? '';
  const message = cause instanceof Error && cause.message !== '' ? cause.message : code;
  const isCertificate = CERTIFICATE_CODES.has(code);
  return new AirgapError('E_UNREACHABLE', `${request.verb} ${request.subject}: ${request.server}: ${message}`, {
    cause,
    hint: isCertificate
      ? 'the API server shows a certificate that the CA in the kubeconfig does not vouch for'
      : 'check that the cluster is up and can be reached from here',
    data: { status: 0, reason: isCertificate ? 'Certificate' : code },
  });
}

/** True when another try may succeed: no answer, too many requests, a server error, etcd changing its leader. */
export function isTransient(error: unknown): error is AirgapError {
  if (!(error instanceof AirgapError)) return false;
  if (error.code === 'E_RATE_LIMIT') return true;
  return error.code === 'E_UNREACHABLE' && valueAt(error.data, 'reason') !== 'Certificate';
}

/** True when an admission webhook could not be reached; it usually can a little later. */
export function isWebhookNotReady(error: unknown): error is AirgapError {
  return (
    error instanceof AirgapError &&
    (numberAt(error.data, 'status') ?? 0) >= 400 &&
    /webhook/i.test(error.message) &&
    WEBHOOK_NOT_READY.test(error.message)
  );
}

/** True when the object changed since it was read: read again and repeat. */
export function isStale(error: unknown): error is AirgapError {
  return (
    error instanceof AirgapError &&
    error.code === 'E_CONFLICT' &&
    valueAt(error.data, 'reason') === 'Conflict' &&
    valueAt(error.data, 'conflicts') === undefined
  );
}

/** The conflicting fields of a server-side apply, empty for any other error. */
export function conflictsOf(error: unknown): readonly FieldConflict[] {
  return error instanceof AirgapError ? (listAt(error.data, 'conflicts') as readonly FieldConflict[]) : [];
}

function parseStatus(body: string): unknown {
  if (!body.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(body);
  } catch (error) {
    // A proxy on the way may answer with half a document; its text is shown instead.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function codeFor(status: number, message: string): ErrorCode {
  if (status === 401) return 'E_UNAUTHORIZED';
  // RBAC and admission both answer 403; only the first is a matter of rights.
  if (status === 403) return /^[^"]*"?[^"]*"? is forbidden: User /.test(message) ? 'E_UNAUTHORIZED' : 'E_REJECTED';
  if (status === 404) return 'E_NOT_FOUND';
  if (status === 409) return 'E_CONFLICT';
  if (status === 429) return 'E_RATE_LIMIT';
  // Server-side apply reports content that does not fit the schema as a server error; trying again is no use.
  if (status === 500) return TROUBLE_OF_THE_SERVER.test(message) ? 'E_UNREACHABLE' : 'E_REJECTED';
  if (status > 500) return 'E_UNREACHABLE';
  return 'E_REJECTED';
}

function hintFor(code: ErrorCode, request: FailedRequest, message: string): string | undefined {
  if (code === 'E_UNAUTHORIZED') return 'use a kubeconfig whose user may do this; cluster-admin is the simplest';
  if (code === 'E_UNREACHABLE') return 'check that the cluster is up and can be reached from here';
  if (code === 'E_REJECTED' && /strict decoding error|unknown field|field not declared in schema/.test(message))
    return `this cluster's version of ${request.subject.split('/')[0]} does not know the field`;
  return undefined;
}
