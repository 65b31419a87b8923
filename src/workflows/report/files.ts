import { formatBytes } from '../../core/bytes.ts';
import type { ReportData } from './data.ts';
import { markup, type Markup } from './markup.ts';
import { code, count, foldable, section, table } from './parts.ts';

/** What a file of a bundle is, by the start of its path. */
const PURPOSES: readonly (readonly [RegExp, string])[] = [
  [/^REPORT\.html$/, 'this report'],
  [/^README\.txt$/, 'how to use the bundle with and without airgap'],
  [/^plan\.json$/, 'every image and why it is in, for programs'],
  [/^airgap\.lock$/, 'every version choice, to make the same again'],
  [/^(oci-layout|index\.json)$/, 'table of contents of the images'],
  [/^config\/templates\//, 'template of a catalog source'],
  [/^config\//, 'configuration the bundle was made from'],
  [/^resources\//, 'resource for the clusters of the far side'],
  [/^release-signatures\//, 'signature of a release'],
  [/^ca\//, 'CA certificates'],
  [/^charts\//, 'Helm chart'],
  [/^tool\//, 'the airgap program for the far side'],
];

/** The files beside the images, and the configuration that led to all of it. */
export function filesSection({ files, imageSet }: ReportData): Markup {
  const columns = [
    { title: 'File' },
    { title: 'What it is' },
    { title: 'sha256' },
    { title: 'Size', isNumber: true as const },
  ];
  const rows = files.map(({ path, size, sha256 }) => [
    code(path),
    PURPOSES.find(([pattern]) => pattern.test(path))?.[1] ?? '',
    sha256 === undefined ? '' : code(sha256),
    size === undefined ? '' : formatBytes(size),
  ]);
  const bytes = files.reduce((sum, file) => sum + (file.size ?? 0), 0);
  return section('files', 'Other files and configuration', [
    foldable('Files beside the images', `${count(files.length, 'file')}, ${formatBytes(bytes)}`, {
      body: table(columns, rows),
    }),
    imageSet === undefined
      ? undefined
      : foldable('Configuration as written', 'config/imageset.yaml', {
          body: markup`<pre>${imageSet.replaceAll('\r\n', '\n')}</pre>`,
        }),
  ]);
}
