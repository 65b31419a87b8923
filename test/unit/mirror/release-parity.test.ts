/**
 * Which releases the vendor tool takes for odd bounds and several channels (oc-mirror behaviour, "Version resolution" and
 * "Several channels"). Expectations are written out by hand from those rules.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadImageSet } from '../../../src/mirror/image-set.ts';
import { collectReleases } from '../../../src/mirror/release.ts';
import { createTestKey } from '../../support/openpgp.ts';
import { buildRelease, releaseWorld } from '../../support/releases.ts';

const VERSIONS = [
  ...['4.16.1', '4.16.5', '4.16.9', '4.16.10', '4.17.0-ec.2', '4.17.0-rc.1'],
  ...['4.17.2', '4.17.4', '4.17.6', '4.17.8', '4.18.1', '4.18.3'],
];
const CHANNELS = {
  'stable-4.16': ['4.16.1 -> 4.16.5', '4.16.5 -> 4.16.9', '4.16.1 -> 4.16.9'],
  'fast-4.16': ['4.16.1 -> 4.16.5', '4.16.5 -> 4.16.10'],
  'candidate-4.17': ['4.17.0-ec.2 -> 4.17.0-rc.1', '4.17.0-rc.1 -> 4.17.2', '4.17.2 -> 4.17.6'],
  'fast-4.17': ['4.17.6 -> 4.17.8'],
  'stable-4.17': ['4.16.9 -> 4.17.2', '4.17.2 -> 4.17.4', '4.17.4 -> 4.17.6', '4.17.2 -> 4.17.6'],
  'stable-4.18': ['4.17.6 -> 4.18.1', '4.18.1 -> 4.18.3', '4.17.8 -> 4.18.3'],
};

const [C17, S16, S17, S18] = ['candidate-4.17', 'stable-4.16', 'stable-4.17', 'stable-4.18'];
const at = (version: string) => ({ minVersion: version, maxVersion: version });

/** Channels and the versions that are taken. */
const SELECTIONS: readonly (readonly [string, readonly object[], string])[] = [
  ['a maximum that is no version of the channel', [{ name: S17, maxVersion: '4.17.3' }], '4.16.9 4.17.2'],
  ['a minimum that is no version of the channel', [{ name: S17, minVersion: '4.17.3' }], '4.17.4 4.17.6'],
  ['both between versions', [{ name: S17, minVersion: '4.17.3', maxVersion: '4.17.5' }], '4.17.4'],
  ['a maximum above the newest', [{ name: S17, minVersion: '4.17.5', maxVersion: '4.99.0' }], '4.17.6'],
  ['a minimum with full', [{ name: S17, minVersion: '4.17.4', full: true }], '4.17.4 4.17.6'],
  ['a maximum with full', [{ name: S17, maxVersion: '4.17.2', full: true }], '4.16.9 4.17.2'],
  ['one version with full', [{ name: S17, ...at('4.17.4'), full: true }], '4.17.4'],
  ['one version as shortest path', [{ name: S17, ...at('4.17.4'), shortestPath: true }], '4.17.4'],
  [
    'a shortest path from the lowest version',
    [{ name: S17, maxVersion: '4.17.4', shortestPath: true }],
    '4.16.9 4.17.2 4.17.4',
  ],
  ['a shortest path through all', [{ name: S17, full: true, shortestPath: true }], '4.16.9 4.17.2 4.17.6'],
  ['a shortest path downwards of nothing', [{ name: S17, shortestPath: true }], '4.17.6'],
  ['pre-releases below a release', [{ name: C17, maxVersion: '4.17.0' }], '4.17.0-ec.2 4.17.0-rc.1'],
  ['from a pre-release on', [{ name: C17, minVersion: '4.17.0-rc.0' }], '4.17.0-rc.1 4.17.2 4.17.6'],
  ['a release as minimum leaves its pre-releases out', [{ name: C17, minVersion: '4.17.0' }], '4.17.2 4.17.6'],
  ['one pre-release', [{ name: C17, ...at('4.17.0-rc.1') }], '4.17.0-rc.1'],
  [
    'one release in two channels',
    [
      { name: S17, ...at('4.17.2') },
      { name: C17, ...at('4.17.2') },
    ],
    '4.17.2',
  ],
  [
    'two channels of one minor version: the way is that of the target',
    [{ name: S17, ...at('4.17.2') }, { name: C17 }],
    '4.17.2 4.17.6',
  ],
  [
    'a minor version between that is not listed: through its head',
    [
      { name: S16, ...at('4.16.1') },
      { name: S18, ...at('4.18.1') },
    ],
    '4.16.1 4.16.9 4.17.2 4.17.6 4.18.1',
  ],
  [
    'three channels in any order',
    [{ name: S18 }, { name: S16, ...at('4.16.5') }, { name: S17, ...at('4.17.4') }],
    '4.16.5 4.16.9 4.17.2 4.17.4 4.17.6 4.18.1 4.18.3',
  ],
  [
    'a start that reaches into the next channel by itself',
    [{ name: S17, minVersion: '4.16.9', maxVersion: '4.17.2' }, { name: S18 }],
    '4.16.9 4.17.2 4.17.6 4.18.1 4.18.3',
  ],
  [
    'a way that is blocked at once: both ends',
    [
      { name: 'fast-4.16', ...at('4.16.5') },
      { name: S17, ...at('4.17.4') },
    ],
    '4.16.5 4.16.10 4.17.4',
  ],
  [
    'a way that is blocked at a minor version between: its head too, which the target knows',
    [
      { name: 'fast-4.16', ...at('4.16.5') },
      { name: S18, ...at('4.18.3') },
    ],
    '4.16.5 4.16.10 4.17.8 4.18.3',
  ],
];

describe('releases are those the vendor tool takes for', () => {
  const key = createTestKey();
  const releases = VERSIONS.map((version) => buildRelease({ version, components: ['cli'], layerSize: 64 }));
  const verificationKeys = { text: key.armoured, origin: 'key.asc' };
  for (const [what, channels, versions] of SELECTIONS) {
    test(what, async () => {
      const text = JSON.stringify({ kind: 'ImageSetConfiguration', mirror: { platform: { channels } } });
      const context = releaseWorld({ key, releases, channels: CHANNELS }).context();
      const found = await collectReleases(loadImageSet(text, 'imageset.yaml'), context, { verificationKeys });
      assert.equal(found.releases.map(({ version }) => version).join(' '), versions);
    });
  }
});
