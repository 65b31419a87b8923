import { formatBytes } from '../../core/bytes.ts';
import { CATEGORY_TITLES, type Category, type MeasuredImage, type ReportGroup } from './groups.ts';
import { imageLabel } from './image-label.ts';
import { markup, type Markup } from './markup.ts';
import { divideRectangle, type Rectangle } from './treemap.ts';

/** Units of the picture; about one pixel on a wide screen. */
const WIDTH = 1000;
const HEIGHT = 420;
/** Space between categories, groups and images. */
const GAP = { category: 3, group: 1.5, image: 0.5 };
/** Parts smaller than this are drawn as one: nobody could tell them apart. */
const LEAST_AREA = 120;
const HEADER_HEIGHT = 22;
/** Average width of a character in relation to the size of the font, on the wide side. */
const CHARACTER_WIDTH = 0.6;

interface Part {
  readonly name: string;
  readonly bytes: number;
}

interface DrawnGroup extends Part {
  readonly images: readonly Part[];
}

/** A treemap of the bytes the groups add: categories, in them groups, in them images. */
export function drawSizes(groups: readonly ReportGroup[]): Markup | undefined {
  const total = sum(groups.map((group) => group.added));
  if (total === 0) return undefined;
  const categories = Object.entries(Object.groupBy(groups, (group) => group.category)).flatMap(
    ([category, members]) => {
      const bytes = sum(members.map((group) => group.added));
      return bytes === 0 ? [] : [{ category: category as Category, members, bytes }];
    },
  );
  const places = divideRectangle(
    categories.map(({ bytes }) => bytes),
    inset({ x: 0, y: 0, width: WIDTH, height: HEIGHT }, -(GAP.category + GAP.group)),
  );
  const bytesPerUnit = total / (WIDTH * HEIGHT);
  const label = categories.map(({ category, bytes }) => `${CATEGORY_TITLES[category]} ${formatBytes(bytes)}`);
  return markup`<div class="scroll picture"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Sizes as areas: ${label.join(', ')}">
${categories.map(({ category, members }, at) => drawCategory(category, members, { place: inset(places[at]!, GAP.category), bytesPerUnit }))}</svg></div>`;
}

function drawCategory(
  category: Category,
  groups: readonly ReportGroup[],
  { place, bytesPerUnit }: { readonly place: Rectangle; readonly bytesPerUnit: number },
): Markup {
  const parts = mergeSmall<DrawnGroup>(
    groups.map((group) => ({
      name: group.category === 'additional' ? group.title.split('/').at(-1)! : group.title,
      bytes: group.added,
      images: group.images.map((image) => partOf(image)),
    })),
    LEAST_AREA * bytesPerUnit,
    (bytes, count) => ({ name: `${count} more`, bytes, images: [{ name: `${count} more`, bytes }] }),
  );
  const places = divideRectangle(
    parts.map((part) => part.bytes),
    place,
  );
  return markup`<g class="c-${category}">${parts.map((part, at) => drawGroup(part, inset(places[at]!, GAP.group), bytesPerUnit))}</g>
`;
}

/** A nested `svg` for each rectangle that has text: it cuts off what does not fit. */
function drawGroup(group: DrawnGroup, place: Rectangle, bytesPerUnit: number): Markup {
  const { width, height } = place;
  const title = markup`<title>${group.name}: ${formatBytes(group.bytes)}</title>`;
  const isSingle = group.images.filter((image) => image.bytes > LEAST_AREA * bytesPerUnit).length < 2;
  const hasHeader = width > 44 && height > (isSingle ? 18 : 44);
  const header = hasHeader
    ? markup`<text x="6" y="15" class="group">${fit(group.name, width - 8, 12)}</text>${drawSize(group, width, isSingle && height > 34)}`
    : undefined;
  const inside = { x: 0, y: hasHeader ? HEADER_HEIGHT : 0, width, height: height - (hasHeader ? HEADER_HEIGHT : 0) };
  const images = isSingle ? undefined : drawImages(group.images, inset(inside, hasHeader ? 2 : 0), bytesPerUnit);
  return markup`<svg${position(place)}>${title}<rect width="100%" height="100%" rx="3" class="box"/>${images}${header}</svg>`;
}

/** The size, where it fits: below the name when there is room, else at the right end of the line. */
function drawSize(group: DrawnGroup, width: number, isBelow: boolean): Markup | undefined {
  const size = formatBytes(group.bytes);
  const ownWidth = size.length * 11 * CHARACTER_WIDTH + 12;
  const needed = isBelow ? ownWidth : ownWidth + group.name.length * 12 * CHARACTER_WIDTH + 12;
  if (needed > width) return undefined;
  if (isBelow) return markup`<text x="6" y="30" class="size">${size}</text>`;
  return markup`<text x="${round(width - 6)}" y="15" class="size end">${size}</text>`;
}

function drawImages(images: readonly Part[], place: Rectangle, bytesPerUnit: number): Markup[] {
  const parts = mergeSmall<Part>(images, LEAST_AREA * bytesPerUnit, (bytes, count) => ({
    name: `${count} smaller images`,
    bytes,
  }));
  const places = divideRectangle(
    parts.map((part) => part.bytes),
    place,
  );
  return parts.map((part, at) => {
    const at2 = inset(places[at]!, GAP.image);
    const { width, height } = at2;
    const title = markup`<title>${part.name}: ${formatBytes(part.bytes)}</title>`;
    if (width < 44 || height < 16) return markup`<rect${position(at2)} rx="1.5" class="leaf">${title}</rect>`;
    const size = height < 32 ? undefined : markup`<text x="4" y="25" class="small">${formatBytes(part.bytes)}</text>`;
    return markup`<svg${position(at2)}>${title}<rect width="100%" height="100%" rx="1.5" class="leaf"/><text x="4" y="12" class="name">${fit(part.name, width - 6, 10)}</text>${size}</svg>`;
  });
}

function partOf({ image, added }: MeasuredImage): Part {
  return { name: imageLabel(image), bytes: added };
}

/** Leaves out what adds nothing, and replaces what would be too small to see with one part when there are several. */
function mergeSmall<T extends Part>(
  parts: readonly T[],
  leastBytes: number,
  merge: (bytes: number, count: number) => T,
): T[] {
  const visible = parts.filter((part) => part.bytes > 0);
  const small = visible.filter((part) => part.bytes < leastBytes);
  if (small.length < 2) return visible;
  return [
    ...visible.filter((part) => part.bytes >= leastBytes),
    merge(sum(small.map((part) => part.bytes)), small.length),
  ];
}

function fit(text: string, width: number, fontSize: number): string {
  const most = Math.floor(width / (fontSize * CHARACTER_WIDTH));
  const characters = [...text];
  return characters.length <= most ? text : `${characters.slice(0, Math.max(0, most - 1)).join('')}…`;
}

function inset({ x, y, width, height }: Rectangle, by: number): Rectangle {
  return { x: x + by, y: y + by, width: Math.max(0.1, width - 2 * by), height: Math.max(0.1, height - 2 * by) };
}

function position({ x, y, width, height }: Rectangle): Markup {
  return markup` x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
