import { z } from 'zod';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import { printableMessage, quoteForeign } from '../core/quote.ts';
import { digestOf, hexOf, isDigest, type Digest } from '../oci/digest.ts';
import { parseIndex, readSuccessors, type Successors } from '../oci/graph.ts';
import { isIndexType, isManifestType, MAX_MANIFEST_SIZE, MEDIA_TYPE, type Descriptor } from '../oci/types.ts';
import type { BundleFile, BundleManifest } from './manifest.ts';
import { blobPath } from './paths.ts';

/** The two files of an OCI image layout besides its blobs (OCI image-layout). */
export const LAYOUT_MARKER_PATH = 'oci-layout';
export const LAYOUT_INDEX_PATH = 'index.json';
/** Largest `index.json`: a hundred thousand entries with long names. */
export const MAX_INDEX_BYTES = 64 * 1024 * 1024;
/** `index.json` is the first level (signing, section 11.1). */
const DEEPEST_INDEX = 4;
/** Image manifests and indexes that are looked at (signing, section 11.1). */
const MOST_MANIFESTS = 100_000;
/** Annotation of an entry of `index.json`: the name of the image (OCI image-spec, "Pre-Defined Annotation Keys"). */
export const REFERENCE_NAME = 'org.opencontainers.image.ref.name';

/** The files of a bundle as the OCI checks see them. */
export interface LayoutFiles {
  find(path: string): BundleFile | undefined;
  /** The content, already known to match the bundle manifest; undefined when it is not at hand (left to the base). */
  read(path: string): Promise<Buffer | undefined>;
}

export interface OciCheckOptions {
  /** Whether a name in `index.json` falls under the configured destinations. Absent: names are not looked at. */
  readonly isAllowedReference?: (name: string) => boolean;
  /** Layers that live elsewhere (`urls`) are taken. */
  readonly allowForeignLayers?: boolean;
  /** Whether children of this index may be absent, because only some platforms were asked for. */
  readonly isSparse?: (index: Digest) => boolean;
}

/** A descriptor with the two members that can point away from its digest. */
interface AnyDescriptor extends Descriptor {
  readonly urls?: readonly string[] | undefined;
  readonly data?: string | undefined;
}

/** One document on the way down, with all that lead to it. */
interface Visit {
  readonly descriptor: AnyDescriptor;
  readonly ancestors: readonly Digest[];
  readonly mayBeAbsent: boolean;
}

const LayoutMarkerSchema = z.looseObject({ imageLayoutVersion: z.literal('1.0.0') });

/** The files of a bundle manifest by path. */
export function filesByPath(manifest: BundleManifest): Map<string, BundleFile> {
  return new Map(manifest.files.map((file) => [file.path, file]));
}

/**
 * The checks of signing, section 11.1: everything reachable from `index.json` is a listed file of the stated size, documents
 * are what they are announced as, nothing is fetched from elsewhere. Throws `E_OCI`. A bundle without any file of an
 * OCI layout passes. Layers are not opened.
 */
export async function checkOciLayout(files: LayoutFiles, options: OciCheckOptions): Promise<void> {
  const hasMarker = files.find(LAYOUT_MARKER_PATH) !== undefined;
  const hasIndex = files.find(LAYOUT_INDEX_PATH) !== undefined;
  if (!hasMarker && !hasIndex) return;
  if (!hasMarker || !hasIndex) {
    const missing = hasMarker ? LAYOUT_INDEX_PATH : LAYOUT_MARKER_PATH;
    throw ociError(missing, `the OCI layout has no ${missing}`);
  }
  await checkMarker(files);
  const content = await readDocument(files, LAYOUT_INDEX_PATH);
  if (content === undefined) return;
  const index = parseAt(LAYOUT_INDEX_PATH, () => parseIndex(content, MEDIA_TYPE.ociIndex, LAYOUT_INDEX_PATH));
  for (const descriptor of index.manifests) checkReferenceName(descriptor, options);
  await checkClosure(files, index.manifests, options);
}

async function checkMarker(files: LayoutFiles): Promise<void> {
  const content = await readDocument(files, LAYOUT_MARKER_PATH);
  if (content === undefined) return;
  const marker = LayoutMarkerSchema.safeParse(parseDocument(content));
  if (!marker.success) throw ociError(LAYOUT_MARKER_PATH, 'the OCI layout is not of version 1.0.0');
}

function checkReferenceName(descriptor: AnyDescriptor, { isAllowedReference }: OciCheckOptions): void {
  const name = descriptor.annotations?.[REFERENCE_NAME];
  if (name === undefined || isAllowedReference === undefined || isAllowedReference(name)) return;
  throw ociError(LAYOUT_INDEX_PATH, `the name ${quoteForeign(name)} lies outside the allowed destinations`);
}

/** Walks all documents once; a stack instead of recursion, so that depth costs no call frames. */
async function checkClosure(
  files: LayoutFiles,
  roots: readonly AnyDescriptor[],
  options: OciCheckOptions,
): Promise<void> {
  const visited = new Set<string>();
  let count = 0;
  const stack: Visit[] = [];
  const push = (visit: Visit): void => {
    count += 1;
    if (count > MOST_MANIFESTS) {
      throw ociError(LAYOUT_INDEX_PATH, `more than ${MOST_MANIFESTS} image manifests are referred to`);
    }
    stack.push(visit);
  };
  for (const descriptor of roots) push({ descriptor, ancestors: [], mayBeAbsent: false });
  for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
    const { descriptor, ancestors } = visit;
    const { digest } = descriptor;
    const path = checkListed(files, descriptor, visit.mayBeAbsent, options);
    if (ancestors.includes(digest)) throw ociError(path ?? digest, 'an image index contains itself');
    if (!isManifestType(descriptor.mediaType)) {
      throw ociError(path ?? digest, `${quoteForeign(descriptor.mediaType)} is no kind of image manifest`);
    }
    // Another media type or another depth is another question to the same document.
    const key = `${digest} ${descriptor.mediaType} ${ancestors.length}`;
    if (path === undefined || visited.has(key)) continue;
    visited.add(key);
    if (isIndexType(descriptor.mediaType) && ancestors.length + 2 > DEEPEST_INDEX) {
      throw ociError(path, `image indexes are nested deeper than ${DEEPEST_INDEX} levels`);
    }
    const children = await readChildren(files, path, descriptor);
    for (const blob of children.blobs) checkListed(files, blob, false, options);
    if (children.subject !== undefined) checkListed(files, children.subject, true, options);
    const mayBeAbsent = options.isSparse?.(digest) === true;
    for (const child of children.manifests) {
      push({ descriptor: child, ancestors: [...ancestors, digest], mayBeAbsent });
    }
  }
}

async function readChildren(files: LayoutFiles, path: string, descriptor: AnyDescriptor): Promise<Successors> {
  if (descriptor.size > MAX_MANIFEST_SIZE) {
    throw ociError(path, `the image manifest has ${descriptor.size} bytes, at most ${MAX_MANIFEST_SIZE} are read`);
  }
  const content = await readDocument(files, path);
  if (content === undefined) return { manifests: [], blobs: [] };
  return parseAt(path, () => readSuccessors(content, descriptor.mediaType, path));
}

/** The content of a listed document; undefined when the bundle leaves it to its base and that is not at hand. */
async function readDocument(files: LayoutFiles, path: string): Promise<Buffer | undefined> {
  const content = await files.read(path);
  if (content === undefined && files.find(path)?.base !== true)
    throw ociError(path, `${quoteForeign(path)} is no JSON document`);
  return content;
}

/** The path of what a descriptor points to; undefined when it is absent and may be. */
function checkListed(
  files: LayoutFiles,
  descriptor: AnyDescriptor,
  mayBeAbsent: boolean,
  options: OciCheckOptions,
): string | undefined {
  const { digest, size } = descriptor;
  if (!isDigest(digest) || !digest.startsWith('sha256:')) {
    throw ociError(LAYOUT_INDEX_PATH, `${quoteForeign(digest)} is no sha256 digest`);
  }
  const path = blobPath(hexOf(digest));
  checkData(path, descriptor);
  const isForeign = (descriptor.urls?.length ?? 0) > 0;
  if (isForeign && options.allowForeignLayers !== true) {
    throw ociError(path, `the content is to be fetched from elsewhere (${quoteForeign(descriptor.urls?.[0] ?? '')})`);
  }
  const file = files.find(path);
  if (file === undefined) {
    if (mayBeAbsent || isForeign) return undefined;
    throw ociError(path, `${digest} is referred to but not a file of the bundle`);
  }
  if (file.size !== size) {
    throw ociError(path, `${digest} is said to have ${size} bytes, the file has ${file.size}`);
  }
  return path;
}

function checkData(path: string, { data, digest, size }: AnyDescriptor): void {
  if (data === undefined) return;
  const content = Buffer.from(data, 'base64');
  if (content.length !== size || digestOf(content) !== digest) {
    throw ociError(path, 'data embedded in a descriptor does not have its digest');
  }
}

/** Adds the place to what the content model says about a document. */
function parseAt<T>(at: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!isAirgapError(error, 'E_OCI')) throw error;
    // Without the cause: it may quote the document in the raw, and causes are shown too.
    throw ociError(at, printableMessage(error.message));
  }
}

function parseDocument(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

function ociError(at: string, message: string): AirgapError {
  return new AirgapError('E_OCI', `the OCI image layout of the bundle is not acceptable: ${message}`, {
    hint: 'ask the sender to pack the bundle again; no part of it is used',
    data: { at, offset: 0 },
  });
}
