import { catalogResourceName } from '../apply/catalog-sources.ts';
import type { HostedClusterOptions } from '../apply/hosted-cluster-options.ts';
import type { BundleContent } from '../apply/hosted-cluster-plan.ts';
import type { ManagementInput, RegistryCredential } from '../apply/management-input.ts';
import { mergeCategories, mirrorEntries, type MirroredImage } from '../apply/mirror-entry.ts';
import { ManagementClusterSchema, type ManagementCluster } from '../apply/site-schema.ts';
import type { PlanFile, PlanFileImage } from '../mirror/plan-file.ts';
import { parseReference } from '../oci/reference.ts';
import type { NamedCaBundle } from './ca-bundles.ts';
import { mirrorOptionsFor } from './resources.ts';
import { targetRepository, type PushTarget } from './push-target.ts';

/** What a run on the cluster works from, gathered from bundle, site file and flags. */
export interface ClusterFacts {
  readonly plan: PlanFile;
  readonly target: PushTarget;
  readonly caBundles: readonly NamedCaBundle[];
  /** Entry of a docker config file for the target registry, when it needs a login. */
  readonly credential?: RegistryCredential;
  readonly cluster?: ManagementCluster | undefined;
  readonly hosted: readonly HostedClusterOptions[];
}

const PULLED_BY_PODS: ReadonlySet<string> = new Set(['operatorBundle', 'relatedImage', 'additional', 'helm']);

/** Name suffixes of release tags and the architectures of the update service they stand for. */
const ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  x86_64: ['amd64'],
  aarch64: ['arm64'],
  ppc64le: ['ppc64le'],
  s390x: ['s390x'],
  multi: ['amd64', 'arm64', 'ppc64le', 's390x'],
};

/** The input of the steps that prepare the management cluster. */
export function managementInput(facts: ClusterFacts): ManagementInput {
  const { registry } = facts.target;
  const certificates = pemFor(facts.caBundles, registry);
  const trustBundle = facts.caBundles.map((bundle) => bundle.pem).join('');
  const credentials = facts.credential === undefined ? undefined : { [registry]: facts.credential };
  return {
    cluster: facts.cluster ?? ManagementClusterSchema.parse({}),
    registries: [
      {
        host: registry,
        ...(certificates === '' ? {} : { certificates }),
        ...(credentials === undefined ? {} : { credentials }),
      },
    ],
    ...(trustBundle === '' ? {} : { trustBundle }),
    packages: facts.plan.catalogs.flatMap((catalog) => {
      const catalogSource = catalogResourceName('cs', referenceOf(facts.target, catalog.target));
      return catalog.packages.map(({ name, channels }) => ({
        name,
        channels: channels.map((channel) => channel.name),
        catalogSource,
      }));
    }),
    catalogImages: Object.fromEntries(
      facts.plan.catalogs.map(({ target, rebuilt, digest }) => [
        referenceOf(facts.target, target),
        `${targetRepository(facts.target, target.repository)}@${rebuilt?.digest ?? digest}`,
      ]),
    ),
    ...(facts.hosted.length === 0 ? {} : { hosted: hostedExpectations(facts.hosted) }),
  };
}

/** What the target registry offers to hosted clusters. */
export function bundleContent(facts: ClusterFacts): BundleContent {
  const { plan, target, caBundles } = facts;
  const images = plan.images.flatMap(({ kind, origin, target: name }) =>
    kind === 'signature' ? [] : [{ kind, origin, target: referenceOf(target, name) }],
  );
  const trustBundle = caBundles.map((bundle) => bundle.pem).join('');
  const registryCas = Object.fromEntries(
    caBundles.flatMap(({ registry, pem }) => (registry === undefined ? [] : [[registry.replace(':', '..'), pem]])),
  );
  return {
    releases: plan.releases.map((release) => {
      const payload = plan.images.find((image) => image.kind === 'release' && image.digest === release.digest);
      const disk = plan.images.find(
        (image) => image.kind === 'kubevirtDisk' && image.target.tag?.startsWith(`${release.tag}-`),
      );
      return {
        version: release.version,
        image: `${targetRepository(target, payload?.target.repository ?? 'openshift/release-images')}@${release.digest}`,
        architectures: architecturesOf(release),
        ...(disk === undefined ? {} : { diskImage: byDigest(target, disk) }),
      };
    }),
    catalogs: plan.catalogs.map((catalog) => {
      const digest = catalog.rebuilt?.digest ?? catalog.digest;
      return { source: catalog.reference, image: `${targetRepository(target, catalog.target.repository)}@${digest}` };
    }),
    imageContentSources: mergeCategories(mirrorEntries(images, 'digest', mirrorOptionsFor(target))).map(
      ({ source, mirrors }) => ({
        source,
        mirrors: [...mirrors],
      }),
    ),
    tagged: taggedContent(images, target),
    ...(trustBundle === '' ? {} : { trustBundle }),
    ...(Object.keys(registryCas).length === 0 ? {} : { registryCas }),
  };
}

/** What pods may ask for by tag. Releases are not among it: hosted clusters pull those by digest. */
function taggedContent(images: readonly MirroredImage[], target: PushTarget): NonNullable<BundleContent['tagged']> {
  const pulled = images.filter(({ kind, origin }) => {
    const { transport, registry, tag, digest } = parseReference(origin);
    const isByTag = transport === 'docker' && tag !== undefined && digest === undefined;
    return PULLED_BY_PODS.has(kind) && isByTag && registry !== target.registry;
  });
  return {
    references: [...new Set(pulled.map(({ origin }) => origin))].toSorted(),
    mirrors: mergeCategories(mirrorEntries(pulled, 'tag', mirrorOptionsFor(target))).map(({ source, mirrors }) => ({
      source,
      mirrors: [...mirrors],
    })),
  };
}

/** What hosted clusters expect of the management cluster. */
export function hostedExpectations(hosted: readonly HostedClusterOptions[]): NonNullable<ManagementInput['hosted']> {
  return {
    isHighlyAvailable: hosted.some((options) => options.controlPlaneAvailabilityPolicy === 'HighlyAvailable'),
    addresses: hosted.length + hosted.filter(({ baseDomain }) => baseDomain !== '').length,
    needsDefaultStorageClass: hosted.some((options) => options.etcdStorageClass === undefined),
  };
}

function architecturesOf(release: PlanFile['releases'][number]): readonly string[] {
  if (release.architecture !== undefined && release.architecture !== 'multi') return [release.architecture];
  const suffix = release.tag.slice(release.tag.lastIndexOf('-') + 1);
  return ARCHITECTURES[release.architecture ?? suffix] ?? ['amd64'];
}

function referenceOf(
  target: PushTarget,
  name: { readonly repository: string; readonly tag?: string | undefined },
): string {
  return `${targetRepository(target, name.repository)}:${name.tag}`;
}

function byDigest(target: PushTarget, image: PlanFileImage): string {
  return `${targetRepository(target, image.target.repository)}@${image.digest}`;
}

/** The CA of one registry, and general trust when it has none of its own. */
function pemFor(bundles: readonly NamedCaBundle[], registry: string): string {
  const own = bundles.filter((bundle) => bundle.registry === registry);
  return (own.length > 0 ? own : bundles.filter((bundle) => bundle.registry === undefined))
    .map((bundle) => bundle.pem)
    .join('');
}
