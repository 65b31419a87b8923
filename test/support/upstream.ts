/**
 * The connected side for tests of the command line: one real registry that stands for all public ones, an update service
 * and a signature store. Everything is pushed under its public name, `registries.conf` leads there.
 *
 *     const upstream = await openUpstream(t, access, { releases: [buildRelease({ version: '4.17.5' })], channels: {…} });
 *     await upstream.push('quay.io/team/app', image().layer('a', 'b').build(), '1.0');
 *     upstream.writeImageSet({ additionalImages: [{ name: 'quay.io/team/app:1.0' }] });
 *     await upstream.succeed('plan', '-c', 'imageset.yaml');
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Descriptor } from '../../src/oci/types.ts';
import { createRegistryClient } from '../../src/registry/client.ts';
import { catalogContent, catalogImage, type CatalogImageFields } from './catalogs.ts';
import { pushContent, type BuiltContent } from './images.ts';
import { createTestKey } from './openpgp.ts';
import { succeed } from './packing.ts';
import { optionsFor, type RegistryAccess } from './registry.ts';
import { buildBaseImage, releaseWorld, startReleaseServer, type WorldFields } from './releases.ts';
import { runCli, startCli, temporaryFolder, type CliResult } from './run-cli.ts';
import { freshRepository } from './shared-registries.ts';

export interface Upstream {
  /** Where commands run and their files are. */
  readonly folder: string;
  /** Every document the update service and the signature store were asked for. */
  readonly requests: readonly URL[];
  /** Environment of the commands. */
  readonly env: Readonly<Record<string, string>>;
  push(name: string, built: BuiltContent, tag?: string): Promise<Descriptor>;
  /** A file-based catalog; gives its root. */
  pushCatalog(
    name: string,
    files: ReadonlyMap<string, string>,
    options: CatalogImageFields & { readonly tag: string },
  ): Promise<Descriptor>;
  /** Writes `imageset.yaml` with this below `mirror`. */
  writeImageSet(mirror: object): void;
  run(...args: readonly string[]): Promise<CliResult>;
  /** {@link run} with more environment. */
  runWith(environment: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CliResult>;
  /** {@link run} that must end with 0. */
  succeed(...args: readonly string[]): Promise<CliResult>;
  start(...args: readonly string[]): ReturnType<typeof startCli>;
}

export type UpstreamFields = Partial<WorldFields> & {
  /** Environment beside what leads to the upstream. */
  readonly env?: Readonly<Record<string, string>>;
};

/** Starts update service and signature store, pushes the releases, and prepares a folder to run commands in. */
export async function openUpstream(
  t: TestContext,
  access: RegistryAccess,
  fields: UpstreamFields = {},
): Promise<Upstream> {
  const folder = temporaryFolder(t);
  const prefix = freshRepository('upstream');
  const client = createRegistryClient(optionsFor(access), {
    signal: new AbortController().signal,
    report: () => undefined,
  });
  t.after(() => client.close());
  const hosts = new Set<string>();
  const push: Upstream['push'] = (name, built, tag) => {
    const [host = '', ...path] = name.split('/');
    hosts.add(host);
    const repository = [prefix, host.replace(':', '-'), ...path].join('/');
    return pushContent(client.openRepository({ registry: access.host, repository }), built, tag);
  };
  const key = fields.key ?? createTestKey();
  const world = releaseWorld({
    releases: [],
    channels: {},
    ...fields,
    key,
    images: [...(fields.images ?? []), buildBaseImage()],
  });
  for (const { repository, tag, content } of world.images) await push(repository, content, tag);
  const server = await startReleaseServer(world);
  t.after(() => server.close());
  writeFileSync(join(folder, 'release-key.asc'), key.armoured);
  const env = {
    CONTAINERS_REGISTRIES_CONF: 'registries.conf',
    UPDATE_URL_OVERRIDE: server.graphEndpoint,
    OCP_SIGNATURE_URL: server.signatureBaseUrl,
    OCP_SIGNATURE_VERIFICATION_PK: 'release-key.asc',
    ...fields.env,
  };
  const options = () => {
    const entries = [...hosts].map(
      (host) => `[[registry]]\nprefix = "${host}"\nlocation = "${access.host}/${prefix}/${host.replace(':', '-')}"\n`,
    );
    writeFileSync(join(folder, 'registries.conf'), entries.join('\n'));
    return { cwd: folder, env };
  };
  return {
    folder,
    env,
    requests: world.requests,
    push,
    pushCatalog: (name, files, { tag, ...image }) => push(name, catalogContent(catalogImage(files, image)), tag),
    writeImageSet(mirror) {
      const document = { apiVersion: 'mirror.openshift.io/v2alpha1', kind: 'ImageSetConfiguration', mirror };
      writeFileSync(join(folder, 'imageset.yaml'), JSON.stringify(document));
    },
    run: (...args) => runCli(args, options()),
    runWith(environment, ...args) {
      const { cwd } = options();
      return runCli(args, { cwd, env: { ...env, ...environment } });
    },
    succeed: (...args) => succeed(args, options()),
    start: (...args) => startCli(args, options()),
  };
}
