import type { RunContext } from '../core/events.ts';
import { AirgapError } from '../core/errors.ts';
import { withRetry } from '../core/retry.ts';
import { readLimited } from './body.ts';
import type { RegistryOptions } from './options.ts';
import { redactUrl } from './redact.ts';
import { connectionError, registryError, retryVerdict } from './registry-error.ts';
import { createTransport, discard } from './transport.ts';

export interface FetchDocumentOptions {
  /** Largest body that is read, in bytes. */
  readonly limit: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export type FetchDocument = (url: string, options: FetchDocumentOptions) => Promise<Buffer>;

const MAX_REDIRECTS = 5;

/**
 * GET of documents that are no registry content (update graph, release signatures, chart indexes) over the same proxies,
 * certificates and retries as registries. Never sends credentials. Throws `E_NOT_FOUND` for 404, `E_LIMIT` for too long an
 * answer, `E_UNREACHABLE`, `E_REGISTRY` for other refusals, `E_CONFIG` for what is no http(s) URL.
 */
export function createDocumentFetcher(options: RegistryOptions, ctx: RunContext): FetchDocument {
  const transport = createTransport(options, ctx);
  return async (text, { limit, headers = {} }) => {
    const url = URL.parse(text);
    if (url === null || !['http:', 'https:'].includes(url.protocol)) {
      throw new AirgapError('E_CONFIG', `${JSON.stringify(text)} is no http or https URL`, { hint: 'correct the URL' });
    }
    return withRetry(() => get(url, 0), {
      signal: ctx.signal,
      ...(options.attempts === undefined ? {} : { attempts: options.attempts }),
      retryable: retryVerdict,
      onRetry: ({ attempt, delayMs, error }) => {
        const reason = error instanceof Error ? error.message : String(error);
        ctx.report({ type: 'retry', subject: `GET ${redactUrl(url)}`, attempt, delayMs, reason });
      },
    });

    async function get(at: URL, redirects: number): Promise<Buffer> {
      const isInsecure = options.insecure?.includes(at.host) === true;
      const answer = await transport.exchange({ method: 'GET', url: at, headers, isInsecure, signal: ctx.signal });
      const status = answer.statusCode ?? 0;
      const location = answer.headers.location;
      if ([301, 302, 303, 307, 308].includes(status) && location !== undefined) {
        discard(answer);
        const next = new URL(location, at);
        if (redirects >= MAX_REDIRECTS || (at.protocol === 'https:' && next.protocol !== 'https:')) {
          throw new AirgapError('E_REGISTRY', `${redactUrl(at)}: redirected too often, or from TLS to plain HTTP`);
        }
        return get(next, redirects + 1);
      }
      if (status !== 200) throw await registryError(answer, 'GET', at);
      try {
        return await readLimited(answer, limit, redactUrl(at));
      } catch (error) {
        ctx.signal.throwIfAborted();
        if (error instanceof AirgapError) throw error;
        throw connectionError(error, 'GET', at);
      }
    }
  };
}
