import { formatBytes } from '../../core/bytes.ts';
import type { ComparedImage, PlanDiff } from '../../mirror/plan-diff.ts';
import type { VersionChange } from '../../mirror/version-changes.ts';
import type { ReportData } from './data.ts';
import { withoutDigest } from './image-label.ts';
import { markup, type Markup, type MarkupValue } from './markup.ts';
import { chip, code, count, foldable, formatTime, section, table, type Column } from './parts.ts';

/** Lists up to this length are open from the start. */
const SHORT = 10;

/** What is different from another bundle; nothing without one. */
export function differenceSection({ against }: ReportData): Markup | undefined {
  if (against === undefined) return undefined;
  const { bundle, manifestSha256, images, versions } = against;
  const other = markup`<p>Compared with <b>${bundle.name} serial ${bundle.serial}</b>, made ${formatTime(bundle.createdAt)} (bundle manifest ${code(`sha256:${manifestSha256}`)}; its signature was not checked).</p>
`;
  return section('difference', 'What is different', [other, versionTable(versions), imageLists(images)]);
}

function versionTable(versions: readonly VersionChange[]): Markup {
  if (versions.length === 0) return markup`<p>The versions of releases and operators are the same.</p>`;
  const rows = versions.map(({ kind, name, catalog, before, after }) => [
    markup`${name}<span class="sub">${kind === 'release' ? 'release' : catalog}</span>`,
    before.length === 0 ? chip('good', 'new') : marked(before, after, 'del'),
    after.length === 0 ? chip('warn', 'no longer inside') : marked(after, before, 'ins'),
  ]);
  return table([{ title: 'Versions of' }, { title: 'Before' }, { title: 'Now' }], rows);
}

/** Versions, those the other side lacks marked. */
function marked(versions: readonly string[], other: readonly string[], mark: 'ins' | 'del'): Markup[] {
  return versions.map((version, at) => {
    const text = mark === 'ins' ? markup`<ins>${version}</ins>` : markup`<del>${version}</del>`;
    return markup`${at === 0 ? '' : ', '}${other.includes(version) ? version : text}`;
  });
}

function imageLists({ added, removed, moved, unchanged }: PlanDiff): Markup {
  const image: Column = { title: 'Image' };
  const size: Column = { title: 'In all', isNumber: true };
  const list = (title: string, images: readonly ComparedImage[]): Markup | undefined =>
    foldImages(title, images.length, sizeOf(images), () =>
      table(
        [image, { title: 'Digest' }, size],
        images.map((one) => [...names(one), formatBytes(one.bytes)]),
      ),
    );
  return markup`<p class="counts">${chip('good', `${added.length} added`)} ${chip('warn', `${removed.length} removed`)} ${chip('plain', `${moved.length} changed`)} ${chip('plain', `${unchanged} unchanged`)}</p>
${list('Added', added)}${list('Removed', removed)}${foldImages(
    'Changed: same name, other content',
    moved.length,
    sizeOf(moved.map(({ after }) => after)),
    () =>
      table(
        [image, { title: 'Digest before' }, { title: 'Digest now' }, size],
        moved.map(({ before, after }) => [
          names(after)[0],
          code(before.digest),
          code(after.digest),
          formatBytes(after.bytes),
        ]),
      ),
  )}`;
}

function foldImages(title: string, number: number, bytes: number, body: () => Markup): Markup | undefined {
  if (number === 0) return undefined;
  const aside = `${count(number, 'image')}, ${formatBytes(bytes)}`;
  return foldable(title, aside, { body: body(), isOpen: number <= SHORT });
}

function names(image: ComparedImage): [MarkupValue, MarkupValue] {
  const { repository, tag } = image.target;
  const target = tag === undefined ? repository : `${repository}:${tag}`;
  return [markup`${withoutDigest(image.origin)}<span class="sub">as ${target}</span>`, code(image.digest)];
}

function sizeOf(images: readonly ComparedImage[]): number {
  return images.reduce((sum, image) => sum + image.bytes, 0);
}
