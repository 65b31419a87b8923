/** What a JSON text says; undefined when it is no JSON. For texts whose meaning a schema decides anyway. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
