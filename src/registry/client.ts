import { isAirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { networkReference, type ImageRef } from '../oci/reference.ts';
import { normalHost } from './credentials.ts';
import type { Endpoint, RegistryOptions } from './options.ts';
import { createRepository, type Repository } from './repository.ts';
import { candidatesFor, loadRewrites, type Rewrites } from './rewrites.ts';
import { createSession } from './session.ts';
import { discard } from './transport.ts';

export interface RegistryClient {
  /** A repository to read from: registries.conf applies, mirrors are tried before its own location. */
  openSource(ref: RepositoryName): Repository;
  /** A repository to read and write exactly where its name says (mirrors are for reading only). */
  openRepository(ref: RepositoryName): Repository;
  /** Asks the registry of a repository who it is and whether it accepts us. Throws `E_UNREACHABLE`, `E_UNAUTHORIZED`. */
  ping(ref: RepositoryName, signal: AbortSignal): Promise<void>;
  /** Closes all connections. */
  close(): void;
}

export type RepositoryName = Pick<ImageRef, 'registry' | 'repository'>;

/**
 * A client for any number of registries. The options are plain data, so that each worker can build its own client.
 * Configuration files are read when first needed and their errors thrown then (`E_CONFIG`).
 */
export function createRegistryClient(options: RegistryOptions, ctx: RunContext): RegistryClient {
  const session = createSession(options, ctx);
  const insecure = new Set(options.insecure ?? []);
  let rewrites: Rewrites | undefined;
  const secured = <T extends Endpoint>(endpoint: T): T => ({
    ...endpoint,
    isInsecure: endpoint.isInsecure || insecure.has(endpoint.registry),
  });
  const endpointOf = (ref: RepositoryName): Endpoint => {
    const { registry, repository } = networkReference({ transport: 'docker', ...ref });
    return secured({ registry: normalHost(registry), repository, isInsecure: false });
  };
  return {
    openSource(ref) {
      const { registry, repository } = endpointOf(ref);
      rewrites ??= loadRewrites(options.registriesConf ?? [], options.registriesConfDirs ?? []);
      return createRepository(session, candidatesFor(rewrites, registry, repository).map(secured));
    },
    openRepository: (ref) => createRepository(session, [{ ...endpointOf(ref), serves: 'all' }]),
    async ping(ref, signal) {
      const endpoint = endpointOf(ref);
      const request = { method: 'GET', target: '/v2/', scopes: [], expect: [200], signal };
      await session
        .ask(endpoint, request, ({ body }) => discard(body))
        .catch((error: unknown) => {
          // Old registries know no such path for those who may use the rest.
          if (!isAirgapError(error, 'E_NOT_FOUND')) throw error;
        });
    },
    close: () => session.close(),
  };
}
