import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readImageFiles } from '../../../src/oci/image-files.ts';
import { MEDIA_TYPE, type Descriptor } from '../../../src/oci/types.ts';
import { image, sourceOf } from '../../support/images.ts';
import { rawTar, type RawEntry } from '../../support/tar.ts';

const { signal } = new AbortController();
const file = (name: string, text: string): RawEntry => ({ name, body: Buffer.from(text) });

/** What an image of these layers, lowest first, shows of `a/x` and `b`. */
async function view(...layers: readonly (readonly RawEntry[])[]): Promise<Record<string, string>> {
  const built = layers.reduce((next, entries) => next.rawLayer(rawTar(entries), MEDIA_TYPE.ociLayer), image()).build();
  const manifest = JSON.parse(built.contents.at(-1)!.bytes.toString()) as { layers: Descriptor[] };
  const files = await readImageFiles(sourceOf(built), manifest.layers, {
    paths: new Map([
      ['a/x', 100],
      ['b', 100],
    ]),
    what: 'image',
    signal,
  });
  return Object.fromEntries([...files].map(([path, content]) => [path, content.toString()]));
}

describe('files of an image', () => {
  const cases: [string, RawEntry[][], Record<string, string>][] = [
    [
      'come from the uppermost layer that has them',
      [[file('a/x', 'old'), file('b', 'B')], [file('a/x', 'new')]],
      { 'a/x': 'new', b: 'B' },
    ],
    ['are absent when no layer has them', [[file('c', 'C')]], {}],
    ['are hidden by a whiteout above', [[file('a/x', 'X'), file('b', 'B')], [file('a/.wh.x', '')]], { b: 'B' }],
    ['are hidden with their folder', [[file('a/x', 'X'), file('b', 'B')], [file('.wh.a', '')]], { b: 'B' }],
    ['are hidden by an opaque folder', [[file('a/x', 'X'), file('b', 'B')], [file('a/.wh..wh..opq', '')]], { b: 'B' }],
    [
      'survive a whiteout of their own layer, which is for the layers below',
      [[file('a/x', 'X')], [file('a/x', 'Y'), file('a/.wh.x', '')]],
      { 'a/x': 'Y' },
    ],
    ['survive a whiteout below', [[file('a/.wh.x', '')], [file('a/x', 'X')]], { 'a/x': 'X' }],
    ['are the last of their name in a layer', [[file('b', 'one'), file('b', 'two')]], { b: 'two' }],
    [
      'give way to a link of their name',
      [[file('b', 'below')], [file('b', 'B'), { name: 'b', flag: '2', link: 'c' }]],
      {},
    ],
    ['give way to a link in place of their folder', [[file('a/x', 'X')], [{ name: 'a', flag: '2', link: 'c' }]], {}],
    ['stay below a folder that is only named again', [[file('a/x', 'X')], [{ name: 'a/', flag: '5' }]], { 'a/x': 'X' }],
    [
      'are not hidden by whiteouts of names that begin alike',
      [
        [file('a/x', 'X'), file('b', 'B')],
        [file('a/.wh.x2', ''), file('.wh.bb', '')],
      ],
      { 'a/x': 'X', b: 'B' },
    ],
  ];
  for (const [what, layers, expected] of cases) {
    test(what, async () => {
      assert.deepEqual(await view(...layers), expected);
    });
  }

  test('larger than their limit are refused', async () => {
    await assert.rejects(view([file('b', 'x'.repeat(101))]), { code: 'E_LIMIT' });
  });
});
