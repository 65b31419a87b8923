/**
 * What the vendor tool takes of releases for several architectures, platforms, references and blocked parts, and what it
 * calls it (oc-mirror behaviour, "Releases" and "Destination naming"). Expectations are written out by hand from those rules.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import {
  buildRelease,
  COMPONENT_REPOSITORY,
  RELEASE_REPOSITORY,
  type BuiltRelease,
  type ReleaseFields,
} from '../support/releases.ts';
import { plainRegistries } from '../support/shared-registries.ts';
import { openUpstream, type Upstream, type UpstreamFields } from '../support/upstream.ts';

const kind = plainRegistries[0]!;
/** Where the vendor tool mirrors to on its way to the disk. */
const CACHE = 'localhost:55000';
const PAYLOAD = /openshift\/release-images:(.*)$/;

const small = (version: string, more: Partial<ReleaseFields> = {}): BuiltRelease =>
  buildRelease({ version, components: ['cli', 'cli-artifacts'], layerSize: 128, ...more });

async function upstreamFor(t: TestContext, fields: UpstreamFields): Promise<Upstream | undefined> {
  const access = await kind.open(t);
  return access === undefined ? undefined : openUpstream(t, access, fields);
}

/** The mapping file for the way to the disk, sorted, and what was said beside it. */
async function mappingOf(
  upstream: Upstream,
  mirror: object,
): Promise<{ readonly lines: readonly string[]; readonly stderr: string }> {
  upstream.writeImageSet(mirror);
  const { stderr } = await upstream.succeed('plan', '-c', 'imageset.yaml', '--mapping', 'mapping.txt');
  const lines = readFileSync(join(upstream.folder, 'mapping.txt'), 'utf8').trimEnd().split('\n');
  return { lines: lines.toSorted(), stderr };
}

/** Tags of the payloads in a mapping. */
const payloads = (lines: readonly string[]): string[] => lines.flatMap((line) => PAYLOAD.exec(line)?.slice(1) ?? []);

/** Everything a release is mapped to, without its disks. */
const linesOf = ({ tag, identity, components }: BuiltRelease): string[] => [
  `docker://${identity}=docker://${CACHE}/openshift/release-images:${tag}`,
  ...[...components].map(
    ([name, reference]) => `docker://${reference}=docker://${CACHE}/openshift/release:${tag}-${name}`,
  ),
];

const at = (version: string) => ({ minVersion: version, maxVersion: version });

describe('releases are those the vendor tool takes', () => {
  test('with architectures of different age, graph image, a payload for several machines, blocked parts', async (t) => {
    const both = ['x86_64', 's390x'];
    const releases = [
      small('4.17.4', { disks: both }),
      small('4.17.6', { disks: both }),
      small('4.17.4', { architecture: 'arm64', disks: both }),
      small('4.17.6', { architecture: 'arm64', disks: both }),
      small('4.17.8', { architecture: 'arm64', disks: both }),
      small('4.17.6', { architecture: 'multi', disks: both }),
    ];
    const [, amd, , arm, , multi] = releases as [BuiltRelease, BuiltRelease, ...BuiltRelease[]];
    const upstream = await upstreamFor(t, {
      releases,
      channels: { 'stable-4.17': ['4.17.4 -> 4.17.6', '4.17.6 -> 4.17.8'] },
    });
    if (upstream === undefined) return;
    const channels = [{ name: 'stable-4.17' }];
    const GRAPH = `docker://${CACHE}/openshift/graph-image:latest`;
    const disk = (release: BuiltRelease, key: string, name: string): string =>
      `docker://${release.disks.get(key)!}=docker://${CACHE}/openshift/release:${release.tag}-${name}`;

    // The newest of the first architecture is what is taken of the other, which has a newer one.
    const architectures = await mappingOf(upstream, {
      platform: { graph: true, kubeVirtContainer: true, architectures: ['amd64', 'arm64'], channels },
    });
    assert.deepEqual(
      architectures.lines,
      [
        ...[amd, arm!].flatMap((release) => [...linesOf(release), disk(release, 'x86_64', 'kube-virt-container')]),
        `${GRAPH}=${GRAPH}`,
      ].toSorted(),
    );
    const missing = await mappingOf(upstream, { platform: { architectures: ['arm64', 'amd64'], channels } });
    assert.deepEqual(payloads(missing.lines), ['4.17.8-aarch64']);
    assert.match(missing.stderr, /channel stable-4\.17 has no 4\.17\.8 for amd64/);

    // Platforms take the payload for several machines; disks follow them, all where none of them has one.
    for (const [platform, disks] of [
      ['amd64', [disk(multi!, 'x86_64', 'kube-virt-container')]],
      ['arm64', both.map((key) => disk(multi!, key, `kube-virt-container-${key}`))],
    ] as const) {
      const { lines } = await mappingOf(upstream, {
        platform: {
          kubeVirtContainer: true,
          platforms: [{ os: 'linux', architecture: platform }],
          channels: [{ name: 'stable-4.17', maxVersion: '4.17.6' }],
        },
      });
      assert.deepEqual(lines, [...linesOf(multi!), ...disks].toSorted(), platform);
    }

    // Named by reference: by the tag of its signature, whatever reference was given. Channels do not count then.
    for (const release of [amd.identity, amd.payload, `docker://${amd.identity}@${amd.root.digest}`]) {
      const { lines } = await mappingOf(upstream, { platform: { release, channels: [{ name: 'nothing-4.1' }] } });
      assert.deepEqual(lines, linesOf(amd).toSorted(), release);
    }

    // The graph image alone, and blocked by its name; components by tag, digest or repository; a payload by its tag.
    const alone = await mappingOf(upstream, { platform: { graph: true } });
    assert.deepEqual(alone.lines, [`${GRAPH}=${GRAPH}`]);
    const blocked = [
      ['graph-image', ':4.17.6-x86_64-cli-'],
      ['^registry\\.', '/graph-image:latest$', amd.components.get('cli')!.slice(-64)],
    ].map((names) => names.map((name) => ({ name })));
    const [byTag, byDigest] = [
      await mappingOf(upstream, {
        platform: { graph: true, channels: [{ ...channels[0], ...at('4.17.6') }] },
        blockedImages: blocked[0],
      }),
      await mappingOf(upstream, {
        platform: { graph: true, channels: [{ ...channels[0], ...at('4.17.6') }] },
        blockedImages: blocked[1],
      }),
    ];
    assert.deepEqual(
      byTag.lines,
      linesOf(amd)
        .filter((line) => !line.endsWith('-cli-artifacts'))
        .toSorted(),
    );
    assert.deepEqual(
      byDigest.lines,
      linesOf(amd).filter((line) => PAYLOAD.test(line)),
    );
    const parts = await mappingOf(upstream, {
      platform: { channels: [{ name: 'stable-4.17', full: true }] },
      blockedImages: [{ name: `^${RELEASE_REPOSITORY}:` }, { name: '4\\.17\\.4-' }],
    });
    assert.deepEqual(
      parts.lines,
      linesOf(amd)
        .filter((line) => line.startsWith(`docker://${COMPONENT_REPOSITORY}@`))
        .toSorted(),
    );
  });
});
