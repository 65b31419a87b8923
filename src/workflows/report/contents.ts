import { formatBytes } from '../../core/bytes.ts';
import type { PlanFile } from '../../mirror/plan-file.ts';
import type { ReportData } from './data.ts';
import {
  allGroups,
  CATEGORY_TITLES,
  countContent,
  type Category,
  type ReportContents,
  type ReportGroup,
} from './groups.ts';
import { markup, type Markup, type MarkupValue } from './markup.ts';
import { bar, chip, code, count, section, table, type Column } from './parts.ts';
import { drawSizes } from './picture.ts';

const SIZE_COLUMNS: readonly Column[] = [
  { title: 'Images', isNumber: true },
  { title: 'Adds', isNumber: true },
  { title: 'In all', isNumber: true },
  { title: 'Share', width: 'narrow' },
];

/** The picture, and a table for each kind of content. */
export function contentsSection({ plan }: ReportData, contents: ReportContents): Markup | undefined {
  if (plan === undefined || plan.images.length === 0) return undefined;
  const groups = allGroups(contents);
  const total = sum(groups);
  const picture = drawSizes(groups);
  const intro = markup`<p class="note"><b>Adds</b> counts every layer once, with the first line that has it; these numbers add up to the content of the bundle. <b>In all</b> also counts what was counted with another line and travels once.</p>
`;
  return section('contents', 'What crosses', [
    markup`<div class="keep">${picture}${categoryTable(groups, total)}</div>`,
    intro,
    releaseTable(plan.releases, contents, total),
    operatorTable(contents, total),
    chartTable(contents, total),
  ]);
}

/** The legend of the picture, with numbers. */
function categoryTable(groups: readonly ReportGroup[], total: number): Markup {
  const rows = Object.entries(Object.groupBy(groups, (group) => group.category)).map(([category, members]) => {
    const bytes = sum(members);
    return [
      markup`<span class="swatch c-${category}"></span>${CATEGORY_TITLES[category as Category]}`,
      countContent(members).images,
      formatBytes(bytes),
      share(bytes, total, category),
    ];
  });
  const columns = [{ title: 'Content' }, SIZE_COLUMNS[0]!, SIZE_COLUMNS[1]!, SIZE_COLUMNS[3]!];
  return table(columns, rows, ['All image content', countContent(groups).images, formatBytes(total), undefined]);
}

function releaseTable(releases: PlanFile['releases'], contents: ReportContents, total: number): Markup | undefined {
  if (releases.length === 0) return undefined;
  const rows = releases.map((release, at) => {
    const group = contents.releases[at]!;
    const hasDisk = group.images.some(({ image }) => image.kind === 'kubevirtDisk');
    const details = [
      `${release.components} components`,
      ...(hasDisk ? ['KubeVirt disk'] : []),
      ...(release.previous.length === 0 ? [] : [`update from ${release.previous.join(', ')}`]),
    ];
    return [
      markup`${link(group, `${release.version}${release.architecture === undefined ? '' : ` ${release.architecture}`}`)}${sub(code(release.digest))}`,
      markup`${details.join(', ')}${sub(release.because.join('; '))}`,
      release.signature === undefined ? chip('warn', 'none') : chip('good', 'checked'),
      ...sizes(group, total),
    ];
  });
  const columns = [
    { title: 'Release' },
    { title: 'Content and reason' },
    { title: 'Release signature' },
    ...SIZE_COLUMNS,
  ];
  return markup`<h3>OpenShift releases</h3>${table(columns, rows)}`;
}

function operatorTable({ catalogs }: ReportContents, total: number): Markup[] {
  return catalogs.map(({ catalog, packages, own }) => {
    const rows = packages.map((group, at) => {
      const item = catalog.packages[at]!;
      return [link(group, item.name), versions(item), channels(item), ...sizes(group, total)];
    });
    const form = catalog.isFull ? 'untouched' : 'rebuilt with these packages only';
    const columns = [{ title: 'Operator' }, { title: 'Versions' }, { title: 'Channels' }, ...SIZE_COLUMNS];
    const catalogRow = [link(own, 'the catalog itself'), form, undefined, ...sizes(own, total)];
    return markup`<h3>Operators of <span class="reference">${catalog.reference}</span></h3>${table(columns, [...rows, catalogRow])}`;
  });
}

function chartTable({ charts }: ReportContents, total: number): Markup | undefined {
  if (charts.length === 0) return undefined;
  const rows = charts.map((group) => [link(group, group.title.replace(/^chart /, '')), ...sizes(group, total)]);
  return markup`<h3>Helm charts</h3>${table([{ title: 'Chart' }, ...SIZE_COLUMNS], rows)}`;
}

function versions(item: PlanFile['catalogs'][number]['packages'][number]): MarkupValue {
  const all = [...new Set(item.bundles.map((bundle) => bundle.version))];
  return all.length <= 6 ? all.join(', ') : markup`${all[0]} to ${all.at(-1)} ${sub(count(all.length, 'version'))}`;
}

function channels(item: PlanFile['catalogs'][number]['packages'][number]): Markup[] {
  return item.channels.map(
    ({ name }, at) =>
      markup`${at === 0 ? '' : ', '}${name}${name === item.defaultChannel && item.channels.length > 1 ? markup` <span class="muted">(default)</span>` : undefined}`,
  );
}

function sizes(group: ReportGroup, total: number): MarkupValue[] {
  return [
    countContent([group]).images,
    formatBytes(group.added),
    formatBytes(group.added + group.shared),
    share(group.added, total, group.category),
  ];
}

function share(bytes: number, total: number, category: string): Markup {
  const percent = total === 0 ? 0 : (bytes / total) * 100;
  const text = percent > 0 && percent < 1 ? '< 1' : percent.toFixed(0);
  return markup`${bar(bytes, total, category)}<span class="percent">${text} %</span>`;
}

/** To the images of a group. */
function link(group: ReportGroup, text: string): Markup {
  return group.images.length === 0 ? markup`${text}` : markup`<a href="#${group.id}">${text}</a>`;
}

function sub(value: MarkupValue): Markup {
  return markup`<span class="sub">${value}</span>`;
}

function sum(groups: readonly ReportGroup[]): number {
  return groups.reduce((total, group) => total + group.added, 0);
}
