import { parseVersion, type Version } from './version-range.ts';

/** A JSON object as parsed. */
export type Fields = Readonly<Record<string, unknown>>;

/** Documents of a file-based catalog, reduced to the fields the format defines (oc-mirror behaviour, "File-based catalog"). */
export interface CatalogPackage {
  readonly name: string;
  /** Empty when the catalog declares none. */
  readonly defaultChannel: string;
  readonly icon?: { readonly base64data: string | null; readonly mediatype: string };
  readonly description: string;
  readonly properties: readonly Property[];
}

export interface CatalogChannel {
  readonly package: string;
  readonly name: string;
  readonly entries: readonly ChannelEntry[];
  readonly properties: readonly Property[];
}

export interface ChannelEntry {
  readonly name: string;
  readonly replaces?: string | undefined;
  readonly skips?: readonly string[] | undefined;
  readonly skipRange?: string | undefined;
}

export interface OperatorBundle {
  readonly package: string;
  readonly name: string;
  readonly image: string;
  /** In the order of the document. A bundle of which only a summary is held has its small properties alone. */
  readonly properties: readonly Property[];
  readonly relatedImages: readonly RelatedImage[];
}

interface RelatedImage {
  readonly name: string;
  readonly image: string;
}

export interface Property {
  readonly type: string;
  readonly value: unknown;
}

export interface Deprecations {
  readonly package: string;
  readonly entries: readonly DeprecationEntry[];
}

interface DeprecationEntry {
  readonly reference: { readonly schema: string; readonly name: string };
  readonly message: string;
}

/** A document of a schema we do not know: kept as it is. */
interface OpaqueDocument {
  readonly schema: string;
  readonly package: string;
  readonly fields: Fields;
}

/** The documents of a catalog, or of the part that was asked for. */
export interface Catalog {
  readonly packages: readonly CatalogPackage[];
  readonly channels: readonly CatalogChannel[];
  readonly bundles: readonly OperatorBundle[];
  readonly deprecations: readonly Deprecations[];
  readonly others: readonly OpaqueDocument[];
}

export type CatalogDocument =
  | { readonly schema: 'olm.package'; readonly content: CatalogPackage }
  | { readonly schema: 'olm.channel'; readonly content: CatalogChannel }
  | { readonly schema: 'olm.bundle'; readonly content: OperatorBundle }
  | { readonly schema: 'olm.deprecations'; readonly content: Deprecations }
  | { readonly schema: 'other'; readonly content: OpaqueDocument };

/** A document that has not the form its schema asks for; the reader adds file and place. */
export class DocumentError extends Error {}

/**
 * Reads one document of a catalog. Names of fields are matched without regard to case, as the format's own loader does.
 * Throws {@link DocumentError} for a missing schema or a field of another type than the format defines.
 */
export function readDocument(document: unknown): CatalogDocument {
  const fields = objectOf(document, 'the document');
  const schema = text(fields, 'schema');
  switch (schema) {
    case '':
      throw new DocumentError('the document has no schema');
    case 'olm.package':
      return { schema, content: readPackage(fields) };
    case 'olm.channel':
      return { schema, content: readChannel(fields) };
    case 'olm.bundle':
      return { schema, content: readBundle(fields) };
    case 'olm.deprecations':
      return { schema, content: readDeprecations(fields) };
    default:
      return { schema: 'other', content: { schema, package: text(fields, 'package'), fields } };
  }
}

/** The package a document belongs to; empty when it belongs to none. */
export function packageOf(document: CatalogDocument): string {
  return document.schema === 'olm.package' ? document.content.name : document.content.package;
}

/** `value.version` of the first property `olm.package`: the version OLM knows the operator bundle by. */
export function versionTextOf(bundle: OperatorBundle): string | undefined {
  const value = bundle.properties.find(({ type }) => type === 'olm.package')?.value;
  if (typeof value !== 'object' || value === null) return undefined;
  const version = (value as Fields)['version'];
  return typeof version === 'string' ? version : undefined;
}

/** The version of an operator bundle; undefined when it has none or one that is no semantic version. */
export function versionOf(bundle: OperatorBundle): Version | undefined {
  const version = versionTextOf(bundle);
  return version === undefined ? undefined : parseVersion(version);
}

/** A field of a property's value; empty when it is not there or no text. */
export function valueText(value: unknown, name: string): string {
  const found = typeof value === 'object' && value !== null ? (value as Fields)[name] : undefined;
  return typeof found === 'string' ? found : '';
}

/** Orders text as its UTF-8 bytes do, which is how the vendor tool sorts names and keys. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  for (let index = 0; index < Math.min(a.length, b.length); index += 1) {
    if (a.charCodeAt(index) === b.charCodeAt(index)) continue;
    return Buffer.compare(Buffer.from(a.slice(Math.max(0, index - 1))), Buffer.from(b.slice(Math.max(0, index - 1))));
  }
  return a.length - b.length;
}

function readPackage(fields: Fields): CatalogPackage {
  const icon = field(fields, 'icon');
  return {
    name: text(fields, 'name'),
    defaultChannel: text(fields, 'defaultChannel'),
    ...(icon === undefined || icon === null ? {} : { icon: readIcon(objectOf(icon, 'icon')) }),
    description: text(fields, 'description'),
    properties: readProperties(fields),
  };
}

/** Icon data goes through its bytes, so that line breaks inside the base64 text do not survive. */
function readIcon(icon: Fields): { base64data: string | null; mediatype: string } {
  const data = field(icon, 'base64data');
  if (data !== undefined && data !== null && typeof data !== 'string')
    throw new DocumentError('icon.base64data is not text');
  return {
    base64data: typeof data === 'string' ? Buffer.from(data, 'base64').toString('base64') : null,
    mediatype: text(icon, 'mediatype'),
  };
}

function readChannel(fields: Fields): CatalogChannel {
  return {
    package: text(fields, 'package'),
    name: text(fields, 'name'),
    entries: list(fields, 'entries').map((item) => readEntry(objectOf(item, 'entries'))),
    properties: readProperties(fields),
  };
}

function readEntry(fields: Fields): ChannelEntry {
  const replaces = text(fields, 'replaces');
  const skips = list(fields, 'skips').map((item) => {
    if (typeof item !== 'string') throw new DocumentError('entries.skips holds something that is not text');
    return item;
  });
  const skipRange = text(fields, 'skipRange');
  return {
    name: text(fields, 'name'),
    ...(replaces === '' ? {} : { replaces }),
    ...(skips.length === 0 ? {} : { skips }),
    ...(skipRange === '' ? {} : { skipRange }),
  };
}

function readBundle(fields: Fields): OperatorBundle {
  return {
    package: text(fields, 'package'),
    name: text(fields, 'name'),
    image: text(fields, 'image'),
    properties: readProperties(fields),
    relatedImages: list(fields, 'relatedImages').map((item) => {
      const related = objectOf(item, 'relatedImages');
      return { name: text(related, 'name'), image: text(related, 'image') };
    }),
  };
}

function readDeprecations(fields: Fields): Deprecations {
  return {
    package: text(fields, 'package'),
    entries: list(fields, 'entries').map((item) => {
      const entry = objectOf(item, 'entries');
      const reference = objectOf(field(entry, 'reference') ?? {}, 'reference');
      return {
        reference: { schema: text(reference, 'schema'), name: text(reference, 'name') },
        message: text(entry, 'message'),
      };
    }),
  };
}

function readProperties(fields: Fields): Property[] {
  return list(fields, 'properties').map((item) => {
    const property = objectOf(item, 'properties');
    return { type: text(property, 'type'), value: field(property, 'value') ?? null };
  });
}

function field(fields: Fields, name: string): unknown {
  if (Object.hasOwn(fields, name)) return fields[name];
  const folded = name.toLowerCase();
  const key = Object.keys(fields).find((candidate) => candidate.toLowerCase() === folded);
  return key === undefined ? undefined : fields[key];
}

function text(fields: Fields, name: string): string {
  const value = field(fields, name);
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new DocumentError(`${name} is not text`);
  return value;
}

function list(fields: Fields, name: string): readonly unknown[] {
  const value = field(fields, name);
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new DocumentError(`${name} is not a list`);
  return value;
}

function objectOf(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new DocumentError(`${what} is not an object`);
}
