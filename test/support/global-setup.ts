/** Run once per `node --test --test-global-setup=…`: starts the registries that all suites share. */
import { findProgram } from './programs.ts';
import { startRegistry, type RegistryAccess, type TestRegistry } from './registry.ts';
import { REGISTRIES_VARIABLE, testRegistries } from './shared-registries.ts';

const running: TestRegistry[] = [];

export async function globalSetup(): Promise<void> {
  const kinds = testRegistries.filter(({ implementation }) => findProgram(implementation) !== undefined);
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
  process.env[REGISTRIES_VARIABLE] = JSON.stringify(Object.fromEntries(entries));
}

export async function globalTeardown(): Promise<void> {
  await Promise.all(running.map((registry) => registry.stop()));
}
