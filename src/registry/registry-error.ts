import type { IncomingMessage } from 'node:http';
import { AirgapError, isAbort, isAirgapError, systemCodeOf, type ErrorCode } from '../core/errors.ts';
import { parseRetryAfter } from '../core/retry.ts';
import { printable, redactUrl } from './redact.ts';

/** More of an error answer is not read. */
const MAX_ERROR_BODY = 64 * 1024;

const CERTIFICATE_CODES: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Codes of sockets and name lookup (connect(2), send(2), recv(2), getaddrinfo(3)) and of streams that end too early. */
const NETWORK_CODES: ReadonlySet<string> = new Set([
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENETUNREACH',
  'ENOTCONN',
  'ENOTFOUND',
  'EPIPE',
  'EPROTO',
  'ETIMEDOUT',
  'ERR_SOCKET_CLOSED',
  'ERR_SOCKET_CONNECTION_TIMEOUT',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/**
 * The error of an answer with an unexpected status, with code and message of the registry's own error document
 * (distribution-spec, "Error Codes"). Reads the body. `data` holds `status`, `registryCode` and `retryAfterMs` where known.
 */
export async function registryError(answer: IncomingMessage, method: string, url: URL): Promise<AirgapError> {
  const status = answer.statusCode ?? 0;
  const said = parseErrorDocument(await readStart(answer));
  const code = errorCodeFor(status, said.code);
  const retryAfterMs = parseRetryAfter(answer.headers['retry-after'], Date.now());
  const detail = said.text === '' ? '' : `: ${said.text}`;
  return new AirgapError(code, `${method} ${redactUrl(url)}: the registry answered ${status}${detail}`, {
    ...hintFor(code),
    data: {
      status,
      host: url.host,
      ...(said.code === undefined ? {} : { registryCode: said.code }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  });
}

/** The error of a connection that could not be made or broke, by its system code. `E_UNREACHABLE`. */
export function connectionError(error: unknown, method: string, url: URL): AirgapError {
  const code = systemCodeOf(error) ?? '';
  const text = error instanceof Error ? error.message : String(error);
  const { reason, hint } = explain(code, text, url);
  return new AirgapError('E_UNREACHABLE', `${method} ${redactUrl(url)}: ${reason}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
    data: { host: url.host, systemCode: code },
  });
}

/**
 * True for what Node throws when a connection breaks or the peer does not speak HTTP or TLS, as opposed to errors of files
 * and defects of ours, which must not be taken for it and tried again.
 */
export function isConnectionFailure(error: unknown): boolean {
  const code = systemCodeOf(error) ?? '';
  return NETWORK_CODES.has(code) || CERTIFICATE_CODES.has(code) || /^(HPE|ERR_SSL|ERR_TLS)_/.test(code);
}

/** True when a server's certificate was refused, as opposed to a server that does not speak TLS. */
export function isCertificateError(error: unknown): boolean {
  return isAirgapError(error, 'E_UNREACHABLE') && CERTIFICATE_CODES.has(String(error.data?.['systemCode']));
}

/** The status of the registry's answer that an error stands for, or undefined. */
export function statusOf(error: unknown): number | undefined {
  const status = isAirgapError(error) ? error.data?.['status'] : undefined;
  return typeof status === 'number' ? status : undefined;
}

/**
 * An error of content on its way to a registry, which is not the registry's: `side` is `source`. It is final for whoever
 * sends the content on (the source had its own retries, and what is damaged in a file stays damaged), except content that a
 * registry gave wrong this time. A plain error of reading becomes `E_UNREACHABLE`; an abort stays one.
 */
export function sourceError(error: unknown): unknown {
  if (isAbort(error)) return error;
  if (isAirgapError(error)) {
    const isFinal = error.code !== 'E_DIGEST' || error.data?.['offset'] !== undefined;
    return new AirgapError(error.code, error.message, {
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error.cause,
      data: { ...error.data, side: 'source', ...(isFinal ? { isFinal } : {}) },
    });
  }
  if (!(error instanceof Error)) return error;
  const systemCode = systemCodeOf(error) ?? '';
  return new AirgapError('E_UNREACHABLE', `the content to push can not be read: ${error.message}`, {
    hint: 'check the medium the content is read from',
    cause: error,
    data: { systemCode, side: 'source', isFinal: true },
  });
}

/**
 * Whether another try may help, and the pause the registry asked for: broken connections, 408, 429 and server errors, and
 * content that did not match its digest. Not: unknown hosts, refused certificates, and every other answer.
 */
export function retryVerdict(error: unknown): false | { readonly afterMs?: number } {
  if (!isAirgapError(error)) return false;
  const afterMs = error.data?.['retryAfterMs'];
  const verdict = typeof afterMs === 'number' ? { afterMs } : {};
  if (error.data?.['isFinal'] === true) return false;
  if (error.code === 'E_RATE_LIMIT' || error.code === 'E_DIGEST') return verdict;
  if (error.code === 'E_UNREACHABLE') {
    const code = String(error.data?.['systemCode']);
    return code === 'ENOTFOUND' || code === 'ERR_PROXY_TUNNEL' || CERTIFICATE_CODES.has(code) ? false : verdict;
  }
  const status = statusOf(error) ?? 0;
  return status === 408 || (status >= 500 && status !== 501) ? verdict : false;
}

function errorCodeFor(status: number, registryCode: string | undefined): ErrorCode {
  if (status === 429 || registryCode === 'TOOMANYREQUESTS') return 'E_RATE_LIMIT';
  if (status === 401 || status === 403) return 'E_UNAUTHORIZED';
  return status === 404 ? 'E_NOT_FOUND' : 'E_REGISTRY';
}

function hintFor(code: ErrorCode): { hint?: string } {
  if (code === 'E_UNAUTHORIZED') return { hint: 'check that the account may do this in this repository' };
  if (code === 'E_RATE_LIMIT') return { hint: 'wait, log in with an account that has a higher limit, or use a mirror' };
  return {};
}

function explain(code: string, text: string, url: URL): { reason: string; hint?: string } {
  if (code === 'ENOTFOUND') {
    return {
      reason: `there is no host ${url.hostname}`,
      hint: 'check the name, the DNS servers and the proxy settings',
    };
  }
  if (code === 'ECONNREFUSED') {
    return {
      reason: 'the connection was refused',
      hint: 'check that the registry runs and that host and port are right',
    };
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return {
      reason: `TLS: ${printable(text)}`,
      hint: 'the certificate of the registry has to be renewed by its operator',
    };
  }
  if (CERTIFICATE_CODES.has(code)) {
    return {
      reason: `TLS: the certificate is not trusted (${printable(text)})`,
      hint: `give the CA certificate with --ca-file, or put it into /etc/containers/certs.d/${url.host}/ca.crt`,
    };
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return {
      reason: `TLS: ${printable(text.replace(/^.*?error:/, 'error:'), 160)}`,
      hint: 'if the registry speaks plain HTTP, mark it insecure (registries.conf or --insecure)',
    };
  }
  if (code === 'ERR_PROXY_TUNNEL') {
    return { reason: `the proxy refused the connection (${printable(text)})`, hint: 'check HTTPS_PROXY and NO_PROXY' };
  }
  return { reason: `the connection failed (${printable(text)})` };
}

async function readStart(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= MAX_ERROR_BODY) break;
    }
  } catch (error) {
    // The status says enough when the connection breaks while its explanation arrives.
    if (systemCodeOf(error) === undefined) throw error;
  }
  return Buffer.concat(chunks).subarray(0, MAX_ERROR_BODY).toString('utf8');
}

function parseErrorDocument(body: string): { code?: string; text: string } {
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // Proxies in front of a registry answer in HTML; its first words are of little use, plain text is.
    return { text: body.trimStart().startsWith('<') ? '' : printable(body, 200) };
  }
  const first = fieldOf(document, 'errors');
  const entry = Array.isArray(first) ? first[0] : undefined;
  const code = fieldOf(entry, 'code');
  const message = fieldOf(entry, 'message') ?? fieldOf(document, 'details') ?? fieldOf(document, 'message');
  const text = [code, message, detailOf(code, fieldOf(entry, 'detail'))]
    .filter((part): part is string => typeof part === 'string' && part !== '')
    .join(' ');
  return typeof code === 'string' ? { code, text: printable(text) } : { text: printable(text) };
}

/** What the registry adds to its message. Of a denied access it is the scope that was asked for, which is known. */
function detailOf(code: unknown, detail: unknown): string | undefined {
  if (typeof detail === 'string') return detail;
  if (typeof detail !== 'object' || detail === null) return undefined;
  const text = JSON.stringify(detail);
  return typeof code === 'string' && code.startsWith('MANIFEST_') && text !== '{}' ? text : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
