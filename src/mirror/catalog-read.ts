import { zstdCompressSync, zstdDecompressSync, constants } from 'node:zlib';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import { parseManifests } from '../core/yaml.ts';
import { DocumentError, packageOf, readDocument } from './catalog.ts';
import type { Catalog, CatalogDocument, OperatorBundle } from './catalog.ts';
import type { CatalogFiles } from './catalog-files.ts';
import { comparePaths, IGNORE_FILE, ignoreMatcher } from './catalog-ignore.ts';
import { kindKey, kindsIn } from './catalog-kinds.ts';
import { invalid, scanDocuments, type ScannedDocument } from './catalog-scan.ts';

export interface ReadOptions {
  readonly catalogName: string;
  /** Documents of other packages are skipped unparsed. */
  readonly isWanted: (packageName: string) => boolean;
  /** Operator bundles whose whole document is kept (compressed) for {@link CatalogContent.documents}. */
  readonly isKept: (packageName: string, bundleName: string) => boolean;
}

export interface CatalogContent {
  /** The wanted documents. Operator bundles are summaries: their large properties are left out. */
  readonly catalog: Catalog;
  /** Every package the catalog has, wanted or not. */
  readonly packageNames: ReadonlySet<string>;
  /** Which packages provide a kind of resource, wanted or not: key as of `kindKey`. */
  readonly providers: ReadonlyMap<string, ReadonlySet<string>>;
  /** Whole documents of the kept operator bundles, by {@link bundleKey}. */
  readonly documents: ReadonlyMap<string, StoredDocument>;
}

/** JSON text of one document, compressed: catalogs repeat themselves ten times over. */
export type StoredDocument = Buffer;

/** What one file holds. */
interface FileContent {
  readonly documents: CatalogDocument[];
  readonly packageNames: Set<string>;
  readonly providers: [kind: string, packageName: string][];
  readonly stored: [key: string, document: StoredDocument][];
  /** Why the file can not be read; no matter when an ignore file leaves the file out. */
  problem?: AirgapError;
}

/** Properties that decide something; all others (descriptions, icons, manifests) are only passed on. */
const SMALL_PROPERTIES: readonly string[] = [
  'olm.package',
  'olm.package.required',
  'olm.gvk',
  'olm.gvk.required',
  'olm.constraint',
];
/** YAML is read whole, file by file; the large catalogs are JSON. */
const MAX_YAML_SIZE = 256 * 1024 * 1024;
const MAX_IGNORE_FILE_SIZE = 1024 * 1024;
const YAML_SEPARATOR = /^---[ \t]*(?:#.*)?\r?$/m;

/**
 * Reads the documents of a catalog in one pass, file by file; what is not wanted costs no memory. The result is in the
 * order of paths, whatever order the files came in. Throws `E_CONFIG` with file and line for a damaged file that
 * no ignore file leaves out.
 */
export async function readCatalog(files: CatalogFiles, options: ReadOptions): Promise<CatalogContent> {
  const contents = new Map<string, FileContent>();
  const ignoreFiles = new Map<string, string>();
  await files(async (path, content) => {
    const what = `${options.catalogName}, file ${path}`;
    if (path === IGNORE_FILE || path.endsWith(`/${IGNORE_FILE}`)) {
      ignoreFiles.set(path, (await readAll(content, MAX_IGNORE_FILE_SIZE, what)).toString('utf8'));
    } else {
      contents.set(path, await readFile(what, content, options));
    }
  });
  const isIgnored = ignoreMatcher(ignoreFiles);
  const used = [...contents].filter(([path]) => !isIgnored(path)).toSorted(([a], [b]) => comparePaths(a, b));
  const problem = used.map(([, file]) => file.problem).find((one) => one !== undefined);
  if (problem !== undefined) throw problem;
  return merge(used.map(([, file]) => file));
}

/** The name of an operator bundle in {@link CatalogContent.documents}. */
export function bundleKey(bundle: { readonly package: string; readonly name: string }): string {
  return `${bundle.package}/${bundle.name}`;
}

/** The whole document of an operator bundle. */
export function restoreBundle(document: StoredDocument): OperatorBundle {
  const restored = readDocument(JSON.parse(zstdDecompressSync(document).toString('utf8')));
  if (restored.schema !== 'olm.bundle') throw new Error(`stored as an operator bundle but is ${restored.schema}`);
  return restored.content;
}

async function readFile(what: string, content: AsyncIterable<Buffer>, options: ReadOptions): Promise<FileContent> {
  const file: FileContent = { documents: [], packageNames: new Set(), providers: [], stored: [] };
  try {
    await readDocuments(what, content, (document) => addDocument(document, file, what, options));
  } catch (error) {
    if (!isAirgapError(error, 'E_CONFIG', 'E_LIMIT')) throw error;
    file.problem = error;
  }
  return file;
}

/** A document found in a file: scanned JSON, or parsed YAML. */
type FoundDocument = ScannedDocument | { readonly line: number; readonly parsed: unknown };

async function readDocuments(
  what: string,
  content: AsyncIterable<Buffer>,
  onDocument: (document: FoundDocument) => void,
): Promise<void> {
  const scanner = scanDocuments(what, onDocument);
  const yaml: Buffer[] = [];
  let size = 0;
  let isYaml: boolean | undefined;
  for await (const chunk of content) {
    // The first visible character decides, as it does for the format's own loader.
    isYaml ??= startsAsYaml(chunk);
    size += chunk.length;
    if (!isYaml) scanner.write(chunk);
    else if (size > MAX_YAML_SIZE)
      throw new AirgapError('E_LIMIT', `${what} has more than ${MAX_YAML_SIZE} bytes of YAML`);
    else yaml.push(chunk);
  }
  scanner.end();
  if (isYaml) readYaml(what, Buffer.concat(yaml).toString('utf8'), onDocument);
}

/** Undefined for white space alone. */
function startsAsYaml(chunk: Buffer): boolean | undefined {
  const first = chunk.find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  return first === undefined ? undefined : first !== 0x7b;
}

function readYaml(what: string, text: string, onDocument: (document: FoundDocument) => void): void {
  let line = 1;
  for (const piece of text.split(YAML_SEPARATOR)) {
    for (const parsed of parseManifests(piece, line === 1 ? what : `${what} (document from line ${line})`)) {
      onDocument({ line, parsed });
    }
    line += piece.split('\n').length - 1;
  }
}

function addDocument(found: FoundDocument, file: FileContent, what: string, options: ReadOptions): void {
  if ('bytes' in found && skipDocument(found, file, options)) return;
  const { json, document } = parseDocument(found, what);
  const packageName = packageOf(document);
  if (document.schema === 'olm.package') file.packageNames.add(packageName);
  if (document.schema !== 'olm.bundle') {
    if (packageName === '' || options.isWanted(packageName)) file.documents.push(document);
    return;
  }
  const bundle = document.content;
  for (const property of bundle.properties) {
    if (property.type === 'olm.gvk') file.providers.push([kindKey(property.value), packageName]);
  }
  if (!options.isWanted(packageName)) return;
  file.documents.push({ schema: 'olm.bundle', content: summarise(bundle) });
  if (options.isKept(packageName, bundle.name)) file.stored.push([bundleKey(bundle), compress(json())]);
}

/** Takes what is needed from a document of an unwanted package without parsing it. */
function skipDocument(found: ScannedDocument, file: FileContent, options: ReadOptions): boolean {
  const packageName = found.schema === 'olm.package' ? found.name : found.package;
  if (found.schema === undefined || !packageName || options.isWanted(packageName)) return false;
  if (found.schema === 'olm.package') file.packageNames.add(packageName);
  if (found.schema === 'olm.bundle') {
    for (const kind of kindsIn(found.bytes())) file.providers.push([kind, packageName]);
  }
  return true;
}

function parseDocument(found: FoundDocument, what: string): { json: () => Buffer; document: CatalogDocument } {
  try {
    if ('parsed' in found) {
      const { parsed } = found;
      return { json: () => Buffer.from(JSON.stringify(parsed)), document: readDocument(parsed) };
    }
    const bytes = found.bytes();
    return { json: () => bytes, document: readDocument(JSON.parse(bytes.toString('utf8'))) };
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof DocumentError)) throw error;
    throw invalid(`${what}, document in line ${found.line}: ${error.message}`, error);
  }
}

function summarise(bundle: OperatorBundle): OperatorBundle {
  return { ...bundle, properties: bundle.properties.filter(({ type }) => SMALL_PROPERTIES.includes(type)) };
}

function compress(document: Buffer): StoredDocument {
  return zstdCompressSync(document, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

function merge(files: readonly FileContent[]): CatalogContent {
  const documents = files.flatMap((file) => file.documents);
  const pick = <S extends CatalogDocument['schema']>(schema: S) =>
    documents.flatMap((one) =>
      one.schema === schema ? [one.content as Extract<CatalogDocument, { schema: S }>['content']] : [],
    );
  const providers = new Map<string, Set<string>>();
  for (const [kind, packageName] of files.flatMap((file) => file.providers)) {
    providers.set(kind, (providers.get(kind) ?? new Set()).add(packageName));
  }
  return {
    catalog: {
      packages: pick('olm.package'),
      channels: pick('olm.channel'),
      bundles: pick('olm.bundle'),
      deprecations: pick('olm.deprecations'),
      others: pick('other'),
    },
    packageNames: new Set(files.flatMap((file) => [...file.packageNames])),
    providers,
    documents: firstOfEach(files.flatMap((file) => file.stored)),
  };
}

/** Of an operator bundle that is there twice the first document counts, as with the vendor tool. */
function firstOfEach(stored: readonly (readonly [string, StoredDocument])[]): Map<string, StoredDocument> {
  const first = new Map<string, StoredDocument>();
  for (const [key, document] of stored) if (!first.has(key)) first.set(key, document);
  return first;
}

async function readAll(content: AsyncIterable<Buffer>, limit: number, what: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of content) {
    size += chunk.length;
    if (size > limit) throw new AirgapError('E_LIMIT', `${what} has more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
