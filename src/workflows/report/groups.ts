import type { Digest } from '../../oci/digest.ts';
import type { PlanFile, PlanFileImage } from '../../mirror/plan-file.ts';
import { groupImages, type ContentSizes, type ImageGroup } from '../../mirror/plan-groups.ts';

/** What a group of images is in for; also the colour of the picture. */
export type Category = 'release' | 'operator' | 'additional' | 'helm' | 'other';

export const CATEGORY_TITLES: Readonly<Record<Category, string>> = {
  release: 'OpenShift releases',
  operator: 'Operators',
  additional: 'Additional images',
  helm: 'Helm charts',
  other: 'Update graph and other',
};

export interface MeasuredImage {
  readonly image: PlanFileImage;
  /** Bytes no image listed before has. */
  readonly added: number;
}

export interface ReportGroup {
  readonly category: Category;
  /** Unique within a page; the anchor of its images. */
  readonly id: string;
  readonly title: string;
  readonly images: readonly MeasuredImage[];
  readonly added: number;
  readonly shared: number;
  /** Reasons all its images begin with. */
  readonly because: readonly string[];
}

export interface ReportContents {
  /** One for each of `plan.releases`. */
  readonly releases: readonly ReportGroup[];
  readonly catalogs: readonly {
    readonly catalog: PlanFile['catalogs'][number];
    /** One for each package of the catalog. */
    readonly packages: readonly ReportGroup[];
    readonly own: ReportGroup;
  }[];
  readonly charts: readonly ReportGroup[];
  readonly additional: readonly ReportGroup[];
  readonly other: readonly ReportGroup[];
}

type RootedImage = PlanFileImage & { readonly root: { readonly digest: Digest } };

/** A plan as the report shows it: the groups of `airgap plan` with the bytes each adds, images of a chart together. */
export function reportContents(plan: PlanFile, content: ContentSizes): ReportContents {
  const images = plan.images.map((image): RootedImage => ({ ...image, root: { digest: image.digest } }));
  const groups = groupImages(images, plan, {
    content,
    keyOf: ({ kind, because }) => (kind === 'helm' ? because[0] : undefined),
  });
  let count = 0;
  const group = (
    category: Category,
    title: string,
    { images: members, sizes, added }: ImageGroup<RootedImage>,
  ): ReportGroup => {
    count += 1;
    return {
      category,
      id: `group-${count}`,
      title,
      images: members.map((image, at) => ({ image, added: added[at]! })),
      added: sizes.new,
      shared: sizes.shared,
      because: commonReasons(members),
    };
  };
  const releases = groups.releases.map((one, at) => group('release', `OpenShift ${plan.releases[at]!.tag}`, one));
  const catalogs = groups.catalogs.map(({ packages, own }, at) => {
    const catalog = plan.catalogs[at]!;
    return {
      catalog,
      packages: packages.map((one, index) => group('operator', catalog.packages[index]!.name, one)),
      own: group('operator', `catalog ${catalog.target.repository}:${catalog.target.tag}`, own),
    };
  });
  const others = groups.others.map((one) => {
    const [first] = one.images as readonly [RootedImage, ...RootedImage[]];
    const isChart = first.kind === 'helm';
    return group(categoryOf(first), isChart ? (first.because[0] ?? first.origin) : first.origin, one);
  });
  const of = (category: Category): ReportGroup[] => others.filter((other) => other.category === category);
  return { releases, catalogs, charts: of('helm'), additional: of('additional'), other: of('other') };
}

/** All groups; `added` sums up to the content of the bundle. */
export function allGroups(contents: ReportContents): ReportGroup[] {
  const { releases, catalogs, additional, charts, other } = contents;
  const operators = catalogs.flatMap(({ packages, own }) => [...packages, own]);
  return [...releases, ...operators, ...additional, ...charts, ...other].filter((group) => group.images.length > 0);
}

/** How many images and, apart from them, signatures are in groups; what is in several of them counts once. */
export function countContent(groups: readonly ReportGroup[]): { readonly images: number; readonly signatures: number } {
  const all = new Map(groups.flatMap((group) => group.images).map(({ image }) => [keyOf(image), image]));
  const signatures = [...all.values()].filter((image) => image.kind === 'signature').length;
  return { images: all.size - signatures, signatures };
}

/** Images are told apart by their name on the target. */
function keyOf({ digest, origin, target }: PlanFileImage): string {
  return `${origin} ${target.repository}:${target.tag ?? digest}`;
}

function categoryOf({ kind }: PlanFileImage): Category {
  return kind === 'additional' || kind === 'helm' ? kind : 'other';
}

function commonReasons(images: readonly PlanFileImage[]): readonly string[] {
  const [first, ...others] = images.map((image) => image.because);
  if (first === undefined) return [];
  const differs = first.findIndex((reason, at) => others.some((because) => because[at] !== reason));
  return differs === -1 ? first : first.slice(0, differs);
}
