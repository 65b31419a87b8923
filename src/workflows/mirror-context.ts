import type { RunContext } from '../core/events.ts';
import { openLayout } from '../oci/layout-source.ts';
import type { MirrorContext } from '../mirror/mirror-plan.ts';
import { createRegistryClient } from '../registry/client.ts';
import { createDocumentFetcher } from '../registry/documents.ts';
import type { RegistryOptions } from '../registry/options.ts';

/** The outside world as the planners see it: registries, OCI layouts on disk, and documents by URL. */
export function openMirrorContext(registry: RegistryOptions, ctx: RunContext): MirrorContext & { close(): void } {
  const client = createRegistryClient(registry, ctx);
  return {
    ...ctx,
    openSource: (ref) => (ref.transport === 'oci' ? openLayout(ref.repository) : client.openSource(ref)),
    fetchDocument: createDocumentFetcher(registry, ctx),
    close: () => client.close(),
  };
}
