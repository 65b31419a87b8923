import { AirgapError } from '../core/errors.ts';
import { compareText, type Catalog, type CatalogDocument } from './catalog.ts';
import { formatDocument } from './catalog-json.ts';
import { bundleKey, restoreBundle, type StoredDocument } from './catalog-read.ts';

/**
 * The files of a filtered catalog below its folder: `<package>/catalog.json`, and `catalog.json` for documents that belong
 * to no package. Each is made when it is asked for, the same bytes every time. `stored` holds the whole documents of the
 * operator bundles. Throws `E_CONFIG` for a package whose name is no folder name.
 * (oc-mirror behaviour, "Rebuilding the filtered catalog": Files.)
 */
export function writeCatalog(catalog: Catalog, stored: ReadonlyMap<string, StoredDocument>): Map<string, () => Buffer> {
  const names = new Set([...catalog.packages.map(({ name }) => name), ...catalog.others.map((other) => other.package)]);
  return new Map(
    [...names].toSorted(compareText).map((name) => [pathOf(name), () => writePackage(name, catalog, stored)]),
  );
}

function writePackage(name: string, catalog: Catalog, stored: ReadonlyMap<string, StoredDocument>): Buffer {
  const own = <T extends { readonly package: string }>(list: readonly T[]) =>
    list.filter((one) => one.package === name);
  const documents = function* (): Generator<CatalogDocument> {
    for (const content of catalog.packages) if (content.name === name) yield { schema: 'olm.package', content };
    const channels = own(catalog.channels).toSorted((a, b) => compareText(a.name, b.name));
    for (const content of channels) yield { schema: 'olm.channel', content };
    const bundles = own(catalog.bundles).toSorted((a, b) => compareText(a.name, b.name));
    for (const bundle of bundles) {
      const document = stored.get(bundleKey(bundle));
      if (document === undefined) throw new Error(`the document of operator bundle ${bundle.name} was not kept`);
      yield { schema: 'olm.bundle', content: restoreBundle(document) };
    }
    const others = own(catalog.others).toSorted((a, b) => compareText(a.schema, b.schema));
    for (const content of others) yield { schema: 'other', content };
    for (const content of own(catalog.deprecations)) yield { schema: 'olm.deprecations', content };
  };
  // One document at a time: only its text stays.
  const texts: Buffer[] = [];
  for (const document of documents()) texts.push(Buffer.from(formatDocument(document)));
  return Buffer.concat(texts);
}

function pathOf(packageName: string): string {
  if (packageName === '') return 'catalog.json';
  if (packageName === '.' || packageName === '..' || /[/\\\0]/.test(packageName)) {
    throw new AirgapError('E_CONFIG', `${JSON.stringify(packageName)} can not be the name of a package`, {
      hint: 'the catalog itself is damaged: ask its owner, or take another version of it',
    });
  }
  return `${packageName}/catalog.json`;
}
