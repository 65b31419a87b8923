import { Readable } from 'node:stream';
import { AirgapError } from '../core/errors.ts';
import type { ContentSource } from '../oci/content.ts';
import { openLayout } from '../oci/layout-source.ts';
import type { MirrorPlan } from '../mirror/mirror-plan.ts';
import type { RegistryClient } from '../registry/client.ts';

/** A plan as a source: manifests from memory, what we made from where it was made, blobs from their registries. */
export function planSource(plan: MirrorPlan, client: RegistryClient): ContentSource {
  const blobs = new Map(plan.blobs.map((blob) => [blob.descriptor.digest, blob]));
  return {
    async resolve(reference) {
      const manifest = plan.manifests.get(reference as `sha256:${string}`);
      if (manifest === undefined) throw new AirgapError('E_NOT_FOUND', `the plan has no manifest ${reference}`);
      return manifest.descriptor;
    },
    async fetch(descriptor, options) {
      const manifest = plan.manifests.get(descriptor.digest);
      if (manifest !== undefined)
        return Readable.from([manifest.content.subarray(options.offset ?? 0)], { objectMode: false });
      const blob = blobs.get(descriptor.digest);
      if (blob === undefined) throw new AirgapError('E_NOT_FOUND', `the plan has no blob ${descriptor.digest}`);
      if (blob.generated !== undefined) return blob.generated.open();
      const source = blob.sources[0]!;
      return source.transport === 'oci'
        ? openLayout(source.repository).fetch(descriptor, options)
        : client.openSource(source).fetch(descriptor, options);
    },
  };
}
