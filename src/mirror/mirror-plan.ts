import type { Readable } from 'node:stream';
import type { Warning } from '../core/events.ts';
import type { RunContext } from '../core/events.ts';
import type { ReferrerSource } from '../oci/content.ts';
import type { Digest } from '../oci/digest.ts';
import type { ImageKind } from '../oci/image-kind.ts';
import type { ImageRef } from '../oci/reference.ts';
import type { Descriptor, Platform } from '../oci/types.ts';

/** Where an image lives below the target registry (and its prefix). */
export interface TargetName {
  readonly repository: string;
  readonly tag: string;
}

/** What a collector wants: an image not yet looked at. */
export interface ImageRequest {
  readonly kind: ImageKind;
  /** The reference as the user, the release or the catalog wrote it (no transport). Decides mirror sets. */
  readonly origin: string;
  /** Where it is fetched from. */
  readonly source: ImageRef;
  readonly target: TargetName;
  /** Why it is in, outermost reason first, e.g. `catalog …`, `package …`, `channel …`, `bundle …`. Never empty. */
  readonly because: readonly string[];
  /** Only these instances of an index; absent: all. */
  readonly platforms?: readonly Platform[];
  /** Clusters from 4.21 on refuse this image without its sigstore signature: `.sig` missing is an error unless allowed. */
  readonly requireSignature?: true;
  /** Set when the content is made by us (a rebuilt catalog, the graph-data image): read from here, not from `source`. */
  readonly generated?: GeneratedImage;
}

/** An image whose manifests and some of whose blobs we made. Blobs not among `blobs` come from the request's source. */
export interface GeneratedImage {
  readonly root: Descriptor;
  readonly manifests: ReadonlyMap<Digest, Uint8Array>;
  readonly blobs: ReadonlyMap<Digest, GeneratedBlob>;
}

export interface GeneratedBlob {
  readonly descriptor: Descriptor;
  /** May be called several times; always the same bytes. */
  open(): Promise<Readable>;
}

/** A file of ours that travels in the bundle beside the images (`resources/x.yaml`, `charts/x.tgz`, …). */
export interface GeneratedFile {
  /** Path inside the bundle. */
  readonly path: string;
  readonly content: Uint8Array;
}

/** What one collector found. */
export interface Collection {
  readonly images: readonly ImageRequest[];
  readonly files: readonly GeneratedFile[];
  readonly warnings: readonly Warning[];
}

/** What collectors may use of the outside world; the workflows provide it. */
export interface MirrorContext extends RunContext {
  /** Content of the repository (or OCI layout) a reference names. */
  openSource(ref: ImageRef): ReferrerSource;
  /** GET of a document that is no registry content (graph, signature, chart index): body up to `limit` bytes; `E_NOT_FOUND` for 404. */
  fetchDocument(url: string, options: FetchDocumentOptions): Promise<Buffer>;
}

export interface FetchDocumentOptions {
  readonly limit: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An image with everything known about it. */
export interface PlannedImage {
  readonly kind: ImageKind;
  readonly origin: string;
  readonly source: ImageRef;
  readonly root: Descriptor;
  /** Referrers have no tag: they are pushed by digest. */
  readonly target: { readonly repository: string; readonly tag?: string };
  readonly because: readonly string[];
  readonly platforms?: readonly Platform[];
  /** Bytes of the whole closure, shared or not. */
  readonly bytes: number;
  /** For kind `signature`: the manifest it refers to. */
  readonly signatureOf?: Digest;
}

/** One unique blob and every place it can be fetched from, best first. */
export interface PlannedBlob {
  readonly descriptor: Descriptor;
  readonly sources: readonly ImageRef[];
  readonly generated?: GeneratedBlob;
}

/** Everything that will be taken, with all sizes known. Blobs and manifests are unique by digest and sorted by it. */
export interface MirrorPlan {
  readonly images: readonly PlannedImage[];
  readonly manifests: ReadonlyMap<Digest, PlannedManifest>;
  readonly blobs: readonly PlannedBlob[];
  readonly files: readonly GeneratedFile[];
  readonly gaps: readonly Gap[];
  readonly warnings: readonly Warning[];
  /** Bytes of all unique manifests and blobs. */
  readonly totalBytes: number;
}

export interface PlannedManifest {
  readonly descriptor: Descriptor;
  readonly content: Uint8Array;
}

/** An image left out because it could not be read and the user allowed gaps. */
export interface Gap {
  readonly origin: string;
  readonly because: readonly string[];
  readonly reason: string;
}
