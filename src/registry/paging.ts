import { AirgapError } from '../core/errors.ts';
import { MAX_MANIFEST_SIZE } from '../oci/types.ts';
import { readLimited } from './body.ts';
import type { Endpoint } from './options.ts';
import type { RegistryRequest, Session } from './session.ts';

/** A list that goes on for longer is no list (a registry may have a million tags, 1,000 to a page). */
const MAX_PAGES = 2_000;

/**
 * All pages of a list as JSON documents, following `Link: …; rel="next"` (RFC 8288) within the registry's own origin.
 * Throws `E_REGISTRY` for pages that are no JSON or never end.
 */
export async function readPages(session: Session, endpoint: Endpoint, request: RegistryRequest): Promise<unknown[]> {
  const pages: unknown[] = [];
  const seen = new Set<string>();
  for (let target: string | URL | undefined = request.target; target !== undefined;) {
    const id = String(target);
    if (seen.has(id) || seen.size >= MAX_PAGES) throw badList(endpoint, 'its pages never end');
    seen.add(id);
    const page: { document: unknown; next: URL | undefined } = await session.ask(
      endpoint,
      { ...request, target },
      async ({ headers, body, url }) => {
        const text = (await readLimited(body, MAX_MANIFEST_SIZE, `the list ${id}`)).toString('utf8');
        return { document: parsePage(text, endpoint), next: nextPage(headers['link'], url, endpoint) };
      },
    );
    pages.push(page.document);
    target = page.next;
  }
  return pages;
}

function parsePage(text: string, endpoint: Endpoint): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badList(endpoint, 'it is not JSON');
  }
}

function nextPage(link: string | string[] | undefined, from: URL, endpoint: Endpoint): URL | undefined {
  const text = Array.isArray(link) ? link.join(', ') : (link ?? '');
  const match = /<([^>]*)>\s*;[^,]*\brel\s*=\s*"?next\b/i.exec(text);
  if (match === null) return undefined;
  const next = URL.parse(match[1]!, from.href);
  if (next === null) throw badList(endpoint, 'its next page has no usable address');
  // Registries behind a proxy name their inner host here; the page is on the host that was asked.
  return new URL(`${from.origin}${next.pathname}${next.search}`);
}

function badList(endpoint: Endpoint, problem: string): AirgapError {
  return new AirgapError(
    'E_REGISTRY',
    `${endpoint.registry}/${endpoint.repository}: the registry gave an unusable list: ${problem}`,
  );
}
