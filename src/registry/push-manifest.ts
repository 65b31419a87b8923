import { AirgapError } from '../core/errors.ts';
import { digestOf, isDigest } from '../oci/digest.ts';
import { digestTag } from '../oci/reference.ts';
import { DescriptorSchema, MEDIA_TYPE, type Descriptor } from '../oci/types.ts';
import type { Endpoint } from './options.ts';
import { referrerDescriptor, withReferrer } from './referrers.ts';
import type { Session } from './session.ts';
import { discard } from './transport.ts';

export type ManifestWriter = (
  content: Buffer,
  mediaType: string,
  reference: string,
  signal: AbortSignal,
) => Promise<Descriptor>;

/**
 * Stores manifests in one repository, byte for byte. Writes of the same digest wait for each other: distribution 2.8
 * answers "digest invalid" when two tags of one digest arrive at once. So do writes of one referrers index.
 */
export function createManifestWriter(session: Session, endpoint: Endpoint): ManifestWriter {
  const inTurn = createTurns();

  return async function writeManifest(content, mediaType, reference, signal) {
    const digest = digestOf(content);
    if (isDigest(reference) && reference.startsWith('sha256:') && reference !== digest) {
      throw new AirgapError('E_DIGEST', `the manifest to push as ${reference} is ${digest}`);
    }
    const descriptor = { mediaType, digest, size: content.length };
    const isSubjectKnown = await inTurn(digest, () => putManifest(content, mediaType, reference, signal));
    if (isSubjectKnown) return descriptor;
    const document = JSON.parse(content.toString('utf8')) as Record<string, unknown>;
    const subject = DescriptorSchema.safeParse(document['subject']);
    if (!subject.success) return descriptor;
    const link = { subject: subject.data.digest, referrer: referrerDescriptor(content, mediaType, document) };
    await inTurn(link.subject, async () => {
      const index = await withReferrer(session, endpoint, link, signal);
      if (index !== undefined) await putManifest(index, MEDIA_TYPE.ociIndex, digestTag(link.subject), signal);
    });
    return descriptor;
  };

  /** True when there is nothing more to do for a subject: the registry confirmed it, or the manifest has none. */
  async function putManifest(
    content: Buffer,
    mediaType: string,
    reference: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const request = {
      method: 'PUT',
      target: `/v2/${endpoint.repository}/manifests/${reference}`,
      scopes: [`repository:${endpoint.repository}:pull,push`],
      headers: { 'content-type': mediaType },
      body: content,
      expect: [200, 201, 202],
      signal,
    };
    return session.ask(endpoint, request, ({ headers, body }) => {
      discard(body);
      const stored = headers['docker-content-digest'];
      if (typeof stored === 'string' && stored.startsWith('sha256:') && stored !== digestOf(content)) {
        throw new AirgapError(
          'E_REGISTRY',
          `${endpoint.registry}/${endpoint.repository}: the registry changed a manifest into ${stored}`,
          {
            hint: 'the registry converts images; a mirror has to keep them byte for byte',
          },
        );
      }
      return headers['oci-subject'] !== undefined || !content.includes('"subject"');
    });
  }
}

/** Runs what has the same key one after the other. */
function createTurns(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return async (key, work) => {
    const before = last.get(key);
    const mine = (before ?? Promise.resolve()).then(work, work);
    last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (last.get(key) === mine) last.delete(key);
    }
  };
}
