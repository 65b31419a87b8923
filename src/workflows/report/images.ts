import { formatBytes } from '../../core/bytes.ts';
import { digestTag } from '../../oci/reference.ts';
import type { PlanFileImage } from '../../mirror/plan-file.ts';
import { countContent, type MeasuredImage, type ReportContents, type ReportGroup } from './groups.ts';
import { imageLabel, kindTitle, withoutDigest } from './image-label.ts';
import { markup, type Markup, type MarkupValue } from './markup.ts';
import { code, count, foldable, reasons, section, table } from './parts.ts';

/** A group up to this size is open from the start. */
const SHORT = 12;
/** Tags longer than this stand in a line of their own. */
const LONG_TAG = 40;

const COLUMNS = [
  { title: 'Image' },
  { title: 'From', width: 'wide' },
  { title: 'On the target registry' },
  { title: 'Adds', isNumber: true },
  { title: 'In all', isNumber: true },
] as const;

/** Every image with its reason, folded by release, operator, chart. */
export function imagesSection(contents: ReportContents): Markup | undefined {
  const { releases, catalogs, additional, charts, other } = contents;
  const lists = [
    ...releases,
    ...catalogs.flatMap(({ packages, own }) => [...packages, own]),
    ...together('Additional images', 'images-additional', additional),
    ...charts,
    ...together('Update graph and other', 'images-other', other),
  ].filter((group) => group.images.length > 0);
  if (lists.length === 0) return undefined;
  const note = markup`<p class="note">Every image by digest, and why it is in. Lists that are open are printed.</p>
`;
  return section('images', 'All images', [note, lists.map((group) => imageList(group))]);
}

/** Groups that are mostly one image each: one list. */
function together(title: string, id: string, groups: readonly ReportGroup[]): ReportGroup[] {
  const [first] = groups;
  if (first === undefined) return [];
  const sum = (field: 'added' | 'shared'): number => groups.reduce((total, group) => total + group[field], 0);
  const images = groups.flatMap((group) => group.images);
  return [{ category: first.category, id, title, images, added: sum('added'), shared: sum('shared'), because: [] }];
}

function imageList(group: ReportGroup): Markup {
  const because =
    group.because.length === 0 ? undefined : markup`<p class="why">Because: ${reasons(group.because)}</p>`;
  const rows = group.images.map((measured) => imageRow(measured, group.because.length));
  return foldable(group.title, `${contentOf(group)}, adds ${formatBytes(group.added)}`, {
    id: group.id,
    isOpen: group.images.length <= SHORT,
    body: markup`${because}${table(COLUMNS, rows)}`,
  });
}

function contentOf(group: ReportGroup): string {
  const { images, signatures } = countContent([group]);
  return signatures === 0 ? count(images, 'image') : `${count(images, 'image')}, ${count(signatures, 'signature')}`;
}

function imageRow({ image, added }: MeasuredImage, known: number): MarkupValue[] {
  const label = imageLabel(image);
  const why = image.because.slice(known).filter((reason) => reason !== `component ${label}`);
  const { repository, tag } = image.target;
  return [
    markup`${label}<span class="sub">${kindTitle(image.kind)}${platforms(image)}</span>${why.length === 0 ? undefined : markup`<span class="sub">${reasons(why)}</span>`}`,
    markup`${withoutDigest(image.source)}<span class="sub">${code(image.digest)}</span>`,
    tag === undefined || tag.length > LONG_TAG
      ? markup`${repository}<span class="sub">${targetTag(image)}</span>`
      : `${repository}:${tag}`,
    formatBytes(added),
    formatBytes(image.bytes),
  ];
}

/** Where a name is no more than the digest, that is said instead. */
function targetTag({ digest, target: { tag } }: PlanFileImage): MarkupValue {
  if (tag === undefined) return 'by digest, no tag';
  return tag === digestTag(digest) ? 'tag made from the digest' : code(tag);
}

function platforms({ platforms: chosen }: PlanFileImage): string {
  if (chosen === undefined) return '';
  return ` for ${chosen.map(({ os, architecture, variant }) => [os, architecture, variant].filter(Boolean).join('/')).join(', ')}`;
}
