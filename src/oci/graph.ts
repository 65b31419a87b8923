import { AirgapError } from '../core/errors.ts';
import type { z } from 'zod';
import {
  ImageIndexSchema,
  ImageManifestSchema,
  isIndexType,
  type Descriptor,
  type ImageIndex,
  type ImageManifest,
} from './types.ts';

/** What a manifest points to: other manifests (children of an index) and blobs (config and layers), in document order. */
export interface Successors {
  readonly manifests: readonly Descriptor[];
  readonly blobs: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
}

/**
 * Reads a manifest of any kind we know. Throws `E_OCI` for a document that is no manifest, contradicts the media type
 * it was announced with, or is index and image manifest at once (CVE-2021-41190). `what` names it in messages.
 */
export function readSuccessors(content: Uint8Array, mediaType: string, what: string): Successors {
  if (isIndexType(mediaType)) {
    const index = parseIndex(content, mediaType, what);
    return {
      manifests: index.manifests,
      blobs: [],
      subject: index.subject,
    };
  }
  const manifest = parseManifest(content, mediaType, what);
  const blobs = [manifest.config, ...manifest.layers] as readonly Descriptor[];
  return { manifests: [], blobs, subject: manifest.subject };
}

/** Parses an image index (or manifest list); throws `E_OCI`. */
export function parseIndex(content: Uint8Array, mediaType: string, what: string): ImageIndex {
  const document = parseDocument(content, mediaType, what);
  if ('layers' in document || 'config' in document) throw confusion(what);
  return parseWith(ImageIndexSchema, document, what);
}

/** Parses an image manifest; throws `E_OCI`. */
export function parseManifest(content: Uint8Array, mediaType: string, what: string): ImageManifest {
  const document = parseDocument(content, mediaType, what);
  if ('manifests' in document) throw confusion(what);
  return parseWith(ImageManifestSchema, document, what);
}

function parseDocument(content: Uint8Array, mediaType: string, what: string): Record<string, unknown> {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (error) {
    throw new AirgapError('E_OCI', `${what}: the manifest is not JSON`, { cause: error });
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new AirgapError('E_OCI', `${what}: the manifest is not a JSON object`);
  }
  const fields = document as Record<string, unknown>;
  if (fields['schemaVersion'] === 1) {
    throw new AirgapError('E_OCI', `${what}: Docker schema 1 images can not be mirrored`, {
      hint: 'push the image again with a tool of this decade, or ask its vendor for a schema 2 or OCI image',
    });
  }
  if (typeof fields['mediaType'] === 'string' && fields['mediaType'] !== mediaType) {
    throw new AirgapError(
      'E_OCI',
      `${what}: the manifest calls itself ${fields['mediaType']} but was announced as ${mediaType}`,
    );
  }
  return fields;
}

function parseWith<T>(schema: z.ZodType<T>, document: unknown, what: string): T {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new AirgapError(
    'E_OCI',
    `${what}: invalid manifest at ${issue?.path.join('.') ?? '?'}: ${issue?.message ?? ''}`,
  );
}

function confusion(what: string): AirgapError {
  return new AirgapError('E_OCI', `${what}: the document is image index and image manifest at once`);
}
