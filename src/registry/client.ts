import { isAirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { networkReference, type ImageRef } from '../oci/reference.ts';
import { normalHost } from './credentials.ts';
import type { Endpoint, RegistryOptions } from './options.ts';
import { createRepository, type Repository } from './repository.ts';
import { candidatesFor, loadRewrites, type Candidate, type Rewrites } from './rewrites.ts';
import { createSession } from './session.ts';
import { discard } from './transport.ts';

export interface RegistryClient {
  /**
   * A repository to read from: registries.conf applies, mirrors are tried before its own location.
   * Throws `E_CONFIG` for a blocked registry and for a broken registries.conf.
   */
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
  const candidatesOf = ({ registry, repository }: Endpoint): Candidate[] => {
    rewrites ??= loadRewrites(options.registriesConf ?? [], options.registriesConfDirs ?? []);
    return candidatesFor(rewrites, registry, repository).map(secured);
  };
  // One object per repository: writes of one manifest wait for each other, and a mirror that works is remembered.
  const sources = new Map<string, Repository>();
  const targets = new Map<string, Repository>();
  const downMirrors = new Set<string>();
  return {
    openSource: (ref) =>
      openOnce(sources, endpointOf(ref), (endpoint) => createRepository(session, candidatesOf(endpoint), downMirrors)),
    openRepository: (ref) =>
      openOnce(targets, endpointOf(ref), (endpoint) =>
        createRepository(session, [{ ...endpoint, serves: 'all' }], downMirrors),
      ),
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

function openOnce(
  opened: Map<string, Repository>,
  endpoint: Endpoint,
  open: (endpoint: Endpoint) => Repository,
): Repository {
  const key = `${endpoint.registry}/${endpoint.repository}`;
  const repository = opened.get(key) ?? open(endpoint);
  opened.set(key, repository);
  return repository;
}
