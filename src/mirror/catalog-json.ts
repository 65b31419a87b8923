import { compareText, type CatalogDocument, type Fields, type Property } from './catalog.ts';

/**
 * A document as the vendor tool writes it into `catalog.json`: indented by four spaces, known fields in the order of the
 * format, every property value and opaque document re-encoded with sorted keys and numbers as doubles, `<`, `>` and `&`
 * literal, U+2028 and U+2029 escaped, one line break at the end (oc-mirror behaviour, "Rebuilding the filtered catalog").
 */
export function formatDocument(document: CatalogDocument): string {
  return `${encode(membersOf(document), '')}\n`;
}

/** A value as the vendor tools write it in one line: sorted keys, numbers as doubles. */
export function compactValue(value: unknown): string {
  return encode(value, undefined);
}

/** Members in writing order; a Map so that no key is reordered. */
type Members = ReadonlyMap<string, unknown>;

function membersOf(document: CatalogDocument): Members {
  const { schema, content } = document;
  switch (schema) {
    case 'olm.package':
      return members([
        ['schema', schema],
        ['name', content.name],
        ['defaultChannel', content.defaultChannel],
        ['icon', content.icon && members(Object.entries(content.icon))],
        ['description', content.description || undefined],
        ['properties', propertyList(content.properties)],
      ]);
    case 'olm.channel':
      return members([
        ['schema', schema],
        ['name', content.name],
        ['package', content.package],
        [
          'entries',
          content.entries.map((entry) =>
            members([
              ['name', entry.name],
              ['replaces', entry.replaces],
              ['skips', entry.skips],
              ['skipRange', entry.skipRange],
            ]),
          ),
        ],
        ['properties', propertyList(content.properties)],
      ]);
    case 'olm.bundle':
      return members([
        ['schema', schema],
        ['name', content.name || undefined],
        ['package', content.package || undefined],
        ['image', content.image],
        ['properties', propertyList(content.properties)],
        [
          'relatedImages',
          emptyToUndefined(
            content.relatedImages.map(({ name, image }) =>
              members([
                ['name', name],
                ['image', image],
              ]),
            ),
          ),
        ],
      ]);
    case 'olm.deprecations':
      return members([
        ['schema', schema],
        ['package', content.package],
        [
          'entries',
          content.entries.map(({ reference, message }) =>
            members([
              [
                'reference',
                members([
                  ['schema', reference.schema],
                  ['name', reference.name || undefined],
                ]),
              ],
              ['message', message],
            ]),
          ),
        ],
      ]);
    case 'other':
      return sorted(content.fields);
  }
}

function members(entries: readonly (readonly [string, unknown])[]): Members {
  return new Map(entries.filter(([, value]) => value !== undefined));
}

function propertyList(properties: readonly Property[]): readonly Members[] | undefined {
  return emptyToUndefined(
    properties.map(({ type, value }) =>
      members([
        ['type', type],
        ['value', value],
      ]),
    ),
  );
}

function emptyToUndefined<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}

function sorted(fields: Fields): Members {
  return new Map(Object.entries(fields).toSorted(([a], [b]) => compareText(a, b)));
}

/** Without indent everything is in one line, without spaces. */
function encode(value: unknown, indent: string | undefined): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return encodeString(value);
  if (typeof value === 'number') return encodeNumber(value);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value !== 'object') throw new TypeError(`a document can not hold a ${typeof value}`);
  const inner = indent === undefined ? undefined : `${indent}    `;
  const wrap = (open: string, items: readonly string[], close: string) => {
    if (items.length === 0 || inner === undefined) return `${open}${items.join(',')}${close}`;
    return `${open}\n${items.map((item) => inner + item).join(',\n')}\n${indent}${close}`;
  };
  if (Array.isArray(value)) {
    return wrap(
      '[',
      value.map((item) => encode(item, inner)),
      ']',
    );
  }
  const entries = [...(value instanceof Map ? (value as Members) : sorted(value as Fields))];
  const colon = inner === undefined ? ':' : ': ';
  return wrap(
    '{',
    entries.map(([name, member]) => `${encodeString(name)}${colon}${encode(member, inner)}`),
    '}',
  );
}

function encodeString(text: string): string {
  const quoted = JSON.stringify(text.toWellFormed());
  return quoted.replace(/[\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`);
}

/** Doubles print alike in Go and JavaScript, but for the negative zero. */
function encodeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError('a number of the catalog does not fit a double');
  return Object.is(value, -0) ? '-0' : String(value);
}
