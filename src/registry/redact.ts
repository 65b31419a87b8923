/**
 * Query keys whose values help and tell nothing secret; all other values (signed storage URLs, upload states, tokens) are
 * hidden. Not `id`: what is only a number here is all that protects a shared file elsewhere.
 */
const SHOWN_KEYS: ReadonlySet<string> = new Set([
  // Registries (distribution-spec) and their token services.
  'artifactType',
  'digest',
  'from',
  'last',
  'mount',
  'n',
  'scope',
  'service',
  'tag',
  // Update services.
  'arch',
  'channel',
  'version',
]);

/**
 * A URL as text for messages and events, printable whoever made it: without user info, query values only where their key is
 * known to be harmless.
 */
export function redactUrl(url: URL): string {
  if (url.search === '') return `${url.origin}${url.pathname}`;
  const query = [...url.searchParams].map(
    ([key, value]) => `${printable(key)}=${SHOWN_KEYS.has(key) ? printable(value) : 'REDACTED'}`,
  );
  return `${url.origin}${url.pathname}?${query.join('&')}`;
}

/** Text of a foreign server for a message: one line, printable, at most `limit` characters. */
export function printable(text: string, limit = 500): string {
  // A registry must not be able to move the cursor or colour the terminal of who reads its error.
  const line = text.replace(/[\p{C}\s]+/gu, ' ').trim();
  return line.length > limit ? `${line.slice(0, limit)}…` : line;
}
