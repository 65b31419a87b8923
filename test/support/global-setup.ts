/** Run once per `node --test --test-global-setup=…`: starts what all suites share: registries and an API server. */
import { startSharedApiServer } from './apiserver-shared.ts';
import { findProgram } from './programs.ts';
import { startRegistry, type RegistryAccess, type TestRegistry } from './registry.ts';
import { REGISTRIES_VARIABLE, testRegistries } from './shared-registries.ts';

const running: TestRegistry[] = [];
let stopApiServer: (() => Promise<void>) | undefined;

export async function globalSetup(): Promise<void> {
  const kinds = testRegistries.filter(({ implementation }) => findProgram(implementation) !== undefined);
  const apiServer = startSharedApiServer();
  const entries = await Promise.all(
    kinds.map(async ({ name, implementation, tls, auth }): Promise<[string, RegistryAccess]> => {
      const registry = await startRegistry({ implementation, tls, auth });
      running.push(registry);
      const { host, url, ca, authFile } = registry;
      return [
        name,
        {
          implementation,
          auth,
          host,
          url,
          ...(ca === undefined ? {} : { ca }),
          ...(authFile === undefined ? {} : { authFile }),
        },
      ];
    }),
  );
  stopApiServer = await apiServer;
  process.env[REGISTRIES_VARIABLE] = JSON.stringify(Object.fromEntries(entries));
}

export async function globalTeardown(): Promise<void> {
  await Promise.all([...running.map((registry) => registry.stop()), stopApiServer?.()]);
}
