import type { BundleReader } from '../../bundle/reader.ts';
import type { Digest } from '../../oci/digest.ts';
import { readSuccessors } from '../../oci/graph.ts';
import type { Descriptor } from '../../oci/types.ts';
import type { PlanFile } from '../../mirror/plan-file.ts';
import { blobPath } from '../bundle-content.ts';
import type { InspectResult } from '../inspect.ts';
import type { ContentSizes } from '../../mirror/plan-groups.ts';
import type { Seal } from './data.ts';
import { reportPage } from './page.ts';

const IMAGE_SET_PATH = 'config/imageset.yaml';

/**
 * The report of an open bundle, with what its inspection found. Image manifests are read for their sizes, layers are not.
 * `nowMs` is the moment at which dates are judged.
 */
export async function reportOfBundle(reader: BundleReader, result: InspectResult, nowMs: number): Promise<string> {
  const { plan, against, difference } = result;
  const { base, files } = reader.manifest;
  const left = files.filter((file) => file.base === true);
  const imageSet = reader.find(IMAGE_SET_PATH) === undefined ? undefined : await reader.read(IMAGE_SET_PATH);
  return reportPage({
    bundle: result.bundle,
    sizes: await sizesOfBundle(reader, plan),
    files: result.files.filter((file) => !file.path.startsWith('blobs/')),
    certificates: result.certificates,
    nowMs,
    seal: sealOf(result),
    ...(base === undefined
      ? {}
      : { base: { ...base, files: left.length, bytes: left.reduce((sum, file) => sum + file.size, 0) } }),
    ...(plan === undefined ? {} : { plan }),
    ...(imageSet === undefined ? {} : { imageSet: imageSet.toString('utf8') }),
    ...(against === undefined || difference === undefined ? {} : { against: { ...against, images: difference } }),
  });
}

function sealOf({ verified, manifestSha256, signatures, signers }: InspectResult): Seal {
  if (!verified) return { state: 'unverified', manifestSha256, signatures };
  return { state: 'accepted', manifestSha256, signers };
}

/** What a manifest left to the base of the bundle points to is not known: it counts with its own size. */
async function sizesOfBundle(reader: BundleReader, plan: PlanFile | undefined): Promise<ContentSizes> {
  const children = new Map<Digest, readonly Digest[]>();
  // Inside the archive of another engine; the bundle was made only with all of them there.
  const archived = new Map<Digest, number>();
  const open: Pick<Descriptor, 'digest' | 'mediaType'>[] = [...(plan?.images ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { digest, mediaType } = next;
    if (children.has(digest) || reader.find(blobPath(digest)) === undefined) continue;
    const content = await reader.read(blobPath(digest));
    const successors = content === undefined ? undefined : readSuccessors(content, mediaType, digest);
    const { manifests = [], blobs = [] } = successors ?? {};
    children.set(
      digest,
      [...manifests, ...blobs].map((child) => child.digest),
    );
    open.push(...manifests);
    if (plan?.engine !== undefined) for (const blob of blobs) archived.set(blob.digest, blob.size);
  }
  return {
    sizeOf: (digest) => reader.find(blobPath(digest))?.size ?? archived.get(digest),
    childrenOf: (digest) => children.get(digest) ?? [],
  };
}
