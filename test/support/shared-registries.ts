/**
 * The registries that all suites of one run share. `node --test --test-global-setup=test/support/global-setup.ts` starts
 * them once and hands their addresses on; a test file that is run alone starts what it needs itself.
 * Use a repository name of your own per test ({@link freshRepository}), never delete, never restart.
 *
 *     for (const kind of testRegistries) {
 *       test(`… (${kind.name})`, async (t) => {
 *         const access = await kind.open(t);
 *         if (access === undefined) return; // the program is missing, the test is marked as skipped
 *         const client = createRegistryClient(optionsFor(access), ctx);
 */
import { randomBytes } from 'node:crypto';
import { after, type TestContext } from 'node:test';
import { needProgram } from './programs.ts';
import { startRegistry, type AuthMode, type Implementation, type RegistryAccess } from './registry.ts';

export interface RegistryKind {
  /** For test names: `docker-registry, TLS, token`. */
  readonly name: string;
  readonly implementation: Implementation;
  readonly tls: boolean;
  readonly auth: AuthMode;
  /** The registry, or undefined when its program is missing (the test is then skipped, or fails in CI). */
  open(test: TestContext): Promise<RegistryAccess | undefined>;
}

const MODES: readonly { readonly tls: boolean; readonly auth: AuthMode }[] = [
  { tls: false, auth: 'none' },
  { tls: true, auth: 'none' },
  { tls: true, auth: 'basic' },
  { tls: true, auth: 'token' },
];

/** Both implementations, each plain, with TLS, with TLS and basic login, with TLS and tokens. */
export const testRegistries: readonly RegistryKind[] = (['docker-registry', 'registry'] as const).flatMap(
  (implementation) => MODES.map((mode) => registryKind(implementation, mode.tls, mode.auth)),
);

/** One plain registry of each implementation, for suites that do not care about TLS and login. */
export const plainRegistries: readonly RegistryKind[] = testRegistries.filter(({ tls }) => !tls);

/** Environment variable by which the global setup passes a JSON object: name of the kind → {@link RegistryAccess}. */
export const REGISTRIES_VARIABLE = 'AIRGAP_TEST_REGISTRIES';

/** A repository nobody else uses. */
export function freshRepository(purpose: string): string {
  return `${purpose}/${randomBytes(6).toString('hex')}`;
}

const started = new Map<string, Promise<RegistryAccess>>();

function registryKind(implementation: Implementation, tls: boolean, auth: AuthMode): RegistryKind {
  const name = [implementation, ...(tls ? ['TLS'] : []), ...(auth === 'none' ? [] : [auth])].join(', ');
  return {
    name,
    implementation,
    tls,
    auth,
    async open(test) {
      const shared = JSON.parse(process.env[REGISTRIES_VARIABLE] ?? '{}') as Record<string, RegistryAccess>;
      if (shared[name] !== undefined) return shared[name];
      if (needProgram(test, implementation) === undefined) return undefined;
      let access = started.get(name);
      if (access === undefined) {
        access = startOwn(implementation, tls, auth);
        started.set(name, access);
      }
      return access;
    },
  };
}

const stops: (() => Promise<void>)[] = [];
after(async () => {
  await Promise.all(stops.map((stop) => stop()));
});

async function startOwn(implementation: Implementation, tls: boolean, auth: AuthMode): Promise<RegistryAccess> {
  const registry = await startRegistry({ implementation, tls, auth });
  stops.push(() => registry.stop());
  return registry;
}
