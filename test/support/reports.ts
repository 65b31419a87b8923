/** Data for reports: a release, an operator, additional images that share a layer, gaps, certificates and a difference. */
import { diffPlans } from '../../src/mirror/plan-diff.ts';
import type { PlanFile, PlanFileImage } from '../../src/mirror/plan-file.ts';
import { versionChanges } from '../../src/mirror/version-changes.ts';
import { digestOf, type Digest } from '../../src/oci/digest.ts';
import type { ReportData } from '../../src/workflows/report/data.ts';
import type { ContentSizes } from '../../src/mirror/plan-groups.ts';

/** Names and sizes of an image's layers. */
type Layers = Readonly<Record<string, number>>;
type Draft = Pick<PlanFileImage, 'kind' | 'origin' | 'because'> & {
  readonly tag?: string;
  readonly signatureOf?: Digest;
  readonly layers: Layers;
};

const MANIFEST_BYTES = 100;
/** Catalogs hold references that were parsed when the plan was made. */
const OPERATOR_BUNDLE = 'registry.test/bundle:v1';
/** What `plan.json` says is for other readers: the report measures. */
const NO_SIZES = { new: 0, shared: 0, total: 0 };

/** Everything a report can show; `text` is put into every place foreign text can be in. */
export function reportData(text = 'name'): ReportData {
  const catalog = `registry.test/catalog-${text}:v1`;
  const drafts: Draft[] = [
    draft('releaseContent', `registry.test/art@${text}`, ['channel c', 'release 4.17.4-x86_64', `component ${text}`], {
      tag: `4.17.4-x86_64-${text}`,
      layers: { base: 5000, [`component ${text}`]: 40_000 },
    }),
    draft('release', `registry.test/release-${text}`, ['channel c', 'release 4.17.4-x86_64'], {
      layers: { base: 5000 },
    }),
    draft('operatorBundle', OPERATOR_BUNDLE, [`catalog ${catalog}`, `package ${text}`, `channel ${text}`], {
      layers: { base: 5000, operator: 30_000 },
    }),
    draft('catalog', catalog, [`catalog ${catalog}`], { tag: 'v1', layers: { catalog: 7000 } }),
    draft('additional', `registry.test/a-${text}`, [`additional image registry.test/a-${text}`], {
      layers: { base: 5000, shared: 20_000 },
    }),
    draft('additional', 'registry.test/b', ['additional image registry.test/b'], {
      layers: { shared: 20_000, own: 900 },
    }),
    draft('signature', 'registry.test/b', ['additional image registry.test/b', 'x.sig of registry.test/b'], {
      layers: { signature: 50 },
      signatureOf: digestOf('additional registry.test/b'),
    }),
    draft('helm', `registry.test/c-${text}`, [`chart ${text}.tgz`, `Deployment ${text}`], { layers: { chart: 3000 } }),
    draft('graphData', 'graph-image', ['platform.graph'], { layers: { graph: 400 } }),
  ];
  const plan: PlanFile = {
    schemaVersion: 1,
    images: drafts.map(imageOf),
    releases: [
      {
        version: '4.17.4',
        digest: imageOf(drafts[1]!).digest,
        tag: '4.17.4-x86_64',
        architecture: text,
        components: 1,
        previous: [text],
        because: [text],
        sizes: NO_SIZES,
      },
    ],
    catalogs: [
      {
        reference: catalog,
        digest: digestOf('catalog'),
        target: { repository: repositoryOf(catalog), tag: 'v1' },
        isFull: false,
        sizes: NO_SIZES,
        packages: [
          {
            name: text,
            defaultChannel: text,
            channels: ['other', text].map((name) => ({ name, bundles: [] })),
            bundles: [{ name: text, version: text, images: [OPERATOR_BUNDLE] }],
            sizes: NO_SIZES,
          },
        ],
      },
    ],
    gaps: [{ origin: text, because: [text], reason: text }],
    warnings: [{ code: text, message: text }],
    totalBytes: totalOf(drafts),
  };
  const before: PlanFile = {
    ...plan,
    images: plan.images
      .slice(1)
      .map((image, at) => (at === 2 ? { ...image, digest: digestOf('before') } : image))
      .concat(imageOf(draft('additional', `registry.test/gone-${text}`, [], { layers: { gone: 10 } }))),
    releases: [],
    catalogs: plan.catalogs.map((one) => ({ ...one, packages: [{ ...one.packages[0]!, name: `old ${text}` }] })),
  };
  const certificate = {
    subject: `CN=${text}`,
    issuer: `O=${text}`,
    notBefore: '2026-01-01T00:00:00.000Z',
    notAfter: '2026-12-24T00:00:00.000Z',
    fingerprint: 'ab'.repeat(32),
    isCa: true,
    path: `ca/registry/${text}.pem`,
    registry: text,
  };
  return {
    bundle: { name: text, serial: 7, createdAt: '2026-11-22T16:00:00Z', expiresAt: '2026-11-23T00:00:00Z' },
    plan,
    sizes: sizesOf(drafts),
    files: [{ path: text, size: 12, sha256: 'cd'.repeat(32) }],
    certificates: [certificate],
    imageSet: text,
    nowMs: Date.parse('2026-11-25T00:00:00Z'),
    seal: {
      state: 'accepted',
      manifestSha256: 'ef'.repeat(32),
      signers: [
        { kind: 'key', key: text },
        { kind: 'identity', identity: text, issuer: text },
      ],
    },
    against: {
      bundle: { name: text, serial: 6, createdAt: '2026-10-22T16:00:00Z' },
      manifestSha256: '01'.repeat(32),
      images: diffPlans(before.images, plan.images),
      versions: versionChanges(before, plan),
    },
  };
}

function draft(
  kind: PlanFileImage['kind'],
  origin: string,
  because: string[],
  rest: Omit<Draft, 'kind' | 'origin' | 'because'>,
): Draft {
  return { kind, origin, because, ...rest };
}

function imageOf({ kind, origin, because, tag, signatureOf, layers }: Draft): PlanFileImage {
  return {
    kind,
    origin,
    because,
    source: origin,
    digest: digestOf(`${kind} ${origin}`),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: MANIFEST_BYTES,
    target: { repository: repositoryOf(origin), ...(tag === undefined ? {} : { tag }) },
    ...(signatureOf === undefined ? {} : { signatureOf }),
    bytes: MANIFEST_BYTES + Object.values(layers).reduce((sum, size) => sum + size, 0),
  };
}

function repositoryOf(origin: string): string {
  return origin.replace(/^[^/]*\//, '').replace(/:v1$/, '');
}

function sizesOf(drafts: readonly Draft[]): ContentSizes {
  const sizes = new Map<Digest, number>();
  const children = new Map<Digest, readonly Digest[]>();
  for (const one of drafts) {
    const { digest } = imageOf(one);
    sizes.set(digest, MANIFEST_BYTES);
    children.set(digest, Object.keys(one.layers).map(digestOf));
    for (const [name, size] of Object.entries(one.layers)) sizes.set(digestOf(name), size);
  }
  return { sizeOf: (digest) => sizes.get(digest), childrenOf: (digest) => children.get(digest) ?? [] };
}

function totalOf(drafts: readonly Draft[]): number {
  const layers = new Map(drafts.flatMap((one) => Object.entries(one.layers)));
  return drafts.length * MANIFEST_BYTES + [...layers.values()].reduce((sum, size) => sum + size, 0);
}
