import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { digestOf } from '../../../src/oci/digest.ts';
import {
  buildLargeLayer,
  buildLayer,
  layerFiles,
  readEntry,
  type LayerEntry,
  type LayerLimits,
} from '../../../src/oci/layer.ts';
import { MEDIA_TYPE } from '../../../src/oci/types.ts';
import { verifyStream } from '../../../src/oci/verify-stream.ts';
import { rawTar } from '../../support/tar.ts';

function open(content: Buffer, chunkSize = 1000): Readable {
  const chunks: Buffer[] = [];
  for (let at = 0; at < content.length; at += chunkSize) chunks.push(content.subarray(at, at + chunkSize));
  return Readable.from(chunks, { objectMode: false });
}

async function listed(content: Buffer, limits: LayerLimits = {}): Promise<LayerEntry[]> {
  return collected(layerFiles(open(content), MEDIA_TYPE.ociLayerGzip, 'layer', limits));
}

async function collected(entries: AsyncIterable<LayerEntry>): Promise<LayerEntry[]> {
  const list: LayerEntry[] = [];
  for await (const entry of entries) list.push(entry);
  return list;
}

const SAMPLE = rawTar([
  { name: './etc/', flag: '5' },
  { name: './etc/a', body: Buffer.from('x'.repeat(1500)) },
  { name: '/etc/b', body: Buffer.from('second') },
  { name: 'etc/link', flag: '2', link: '../a' },
  { name: 'etc/hard', flag: '1', link: 'etc/a' },
]);

describe('layerFiles', () => {
  for (const [form, content] of [
    ['plain', SAMPLE],
    ['gzip', gzipSync(SAMPLE)],
    ['several gzip members', Buffer.concat([gzipSync(SAMPLE.subarray(0, 700)), gzipSync(SAMPLE.subarray(700))])],
    ['zstd', zstdCompressSync(SAMPLE)],
    [
      'several zstd frames',
      Buffer.concat([zstdCompressSync(SAMPLE.subarray(0, 700)), zstdCompressSync(SAMPLE.subarray(700))]),
    ],
    [
      'zstd behind a skippable frame',
      Buffer.concat([Buffer.from('502a4d1803000000616263', 'hex'), zstdCompressSync(SAMPLE)]),
    ],
  ] as const) {
    test(`reads a layer: ${form}`, async () => {
      const seen: string[] = [];
      for await (const entry of layerFiles(open(content, 100), MEDIA_TYPE.ociLayer, 'layer')) {
        const text =
          entry.type === 'file' ? (await readEntry(entry, 4096, 'layer')).toString() : (entry.linkTarget ?? '');
        seen.push(`${entry.type} ${entry.path} ${text.slice(0, 6)} ${entry.size}`);
      }
      assert.deepEqual(seen, [
        'directory etc  0',
        'file etc/a xxxxxx 1500',
        'file etc/b second 6',
        'symlink etc/link ../a 0',
        'hardlink etc/hard etc/a 0',
      ]);
    });
  }

  test('skips content nobody read', async () => {
    assert.deepEqual(
      (await listed(SAMPLE)).map(({ path }) => path),
      ['etc', 'etc/a', 'etc/b', 'etc/link', 'etc/hard'],
    );
  });

  test('reads what GNU tar writes: long names, links and sizes', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'airgap-layer-'));
    t.after(() => rm(folder, { recursive: true }));
    const long = `${'n'.repeat(120)}-é`;
    writeFileSync(join(folder, long), 'content');
    for (const format of ['gnu', 'pax']) {
      const tar = execFileSync('tar', ['-C', folder, `--format=${format}`, '-c', '.']);
      assert.deepEqual(
        (await listed(tar)).map(({ path }) => path),
        ['', long],
        format,
      );
    }
  });

  test('shows whiteouts with what they hide', async () => {
    const entries = await listed(
      rawTar([{ name: 'a/.wh.b' }, { name: '.wh.c' }, { name: 'a/.wh..wh..opq' }, { name: '.wh..wh.plnk' }]),
    );
    assert.deepEqual(
      entries.map(({ hides }) => hides),
      [{ path: 'a/b', kind: 'entry' }, { path: 'c', kind: 'entry' }, { path: 'a', kind: 'content' }, undefined],
    );
  });

  const hostile: [string, Buffer, string, LayerLimits?][] = [
    ['a path that climbs out', rawTar([{ name: 'a/../../etc/passwd' }]), 'E_OCI'],
    [
      'a path that climbs out behind a long name',
      rawTar([{ name: 'x', flag: 'L', body: Buffer.from('../x\0') }, { name: 'y' }]),
      'E_OCI',
    ],
    [
      'a path that climbs out in an extended header',
      rawTar([{ name: 'x', flag: 'x', body: Buffer.from('13 path=../x\n') }, { name: 'y' }]),
      'E_OCI',
    ],
    [
      'more bytes than allowed',
      gzipSync(rawTar([{ name: 'zeros', body: Buffer.alloc(1 << 20) }])),
      'E_LIMIT',
      { maxBytes: 100_000 },
    ],
    ['more entries than allowed', rawTar([{ name: 'a' }, { name: 'b' }, { name: 'c' }]), 'E_LIMIT', { maxEntries: 2 }],
    [
      'a huge extended header',
      rawTar([{ name: 'x', flag: 'x', body: Buffer.alloc(2 << 20, 'a') }, { name: 'y' }]),
      'E_LIMIT',
    ],
    ['an archive cut in a body', SAMPLE.subarray(0, 1200), 'E_OCI'],
    ['an archive cut in a header', SAMPLE.subarray(0, 700), 'E_OCI'],
    ['something that is no archive', Buffer.alloc(2048, 'no tar '), 'E_OCI'],
    ['damaged gzip', Buffer.concat([gzipSync(SAMPLE).subarray(0, 60), Buffer.alloc(200, 7)]), 'E_OCI'],
    ['truncated gzip', gzipSync(SAMPLE).subarray(0, -20), 'E_OCI'],
    ['damaged zstd', Buffer.concat([zstdCompressSync(SAMPLE).subarray(0, 30), Buffer.alloc(200, 7)]), 'E_OCI'],
    ['truncated zstd', zstdCompressSync(SAMPLE).subarray(0, -10), 'E_OCI'],
    ['a sparse file of old GNU tar', rawTar([{ name: 'x', flag: 'S' }]), 'E_OCI'],
  ];
  for (const [what, content, code, limits] of hostile) {
    test(`refuses ${what}`, async () => {
      await assert.rejects(listed(content, limits), { code });
    });
  }

  test('refuses media types that are no layers and lets go of the stream', async () => {
    const stream = open(SAMPLE);
    await assert.rejects(collected(layerFiles(stream, 'application/vnd.oci.image.layer.v1.tar+encrypted', 'x')), {
      code: 'E_OCI',
    });
    assert.equal(stream.destroyed, true);
  });

  for (const [form, content] of [
    ['plain', SAMPLE],
    ['gzip', gzipSync(SAMPLE)],
    ['zstd', zstdCompressSync(SAMPLE)],
  ] as const) {
    test(`reads to the end of the stream, so that a wrong digest is found: ${form}`, async () => {
      const descriptor = { mediaType: MEDIA_TYPE.ociLayer, digest: digestOf('other'), size: content.length };
      const checked = open(content, 50).pipe(verifyStream(descriptor, 'layer'));
      await assert.rejects(collected(layerFiles(checked, MEDIA_TYPE.ociLayer, 'layer')), { code: 'E_DIGEST' });
    });

    test(`tells a stream that breaks: ${form}`, async () => {
      const broken = Readable.from(
        (async function* () {
          await Promise.resolve();
          yield content.subarray(0, 40);
          throw new Error('connection reset');
        })(),
      );
      await assert.rejects(collected(layerFiles(broken, MEDIA_TYPE.ociLayer, 'layer')), {
        message: 'connection reset',
      });
    });

    test(`destroys the stream when the caller stops early: ${form}`, async () => {
      const stream = open(content, 20);
      for await (const entry of layerFiles(stream, MEDIA_TYPE.ociLayerGzip, 'layer')) {
        assert.equal(entry.path, 'etc');
        break;
      }
      assert.equal(stream.destroyed, true);
    });
  }

  test('does not hold more than it was allowed to in memory', async () => {
    const [entry] = await listed(rawTar([{ name: 'a', body: Buffer.alloc(2000) }]));
    assert.equal(entry?.size, 2000);
    await assert.rejects(readEntry(entry, 1999, 'layer'), { code: 'E_LIMIT' });
  });
});

describe('buildLayer', () => {
  const entries = [
    { path: 'configs/b/catalog.json', content: Buffer.from('{}') },
    { path: 'configs/a/catalog.json', content: Buffer.from('[]') },
    { path: `deep/${'d'.repeat(110)}/${'é'.repeat(60)}`, content: Buffer.from('long'), mode: 0o600 },
    { path: '.wh.tmp', mode: 0 },
  ];

  test('gives entries in order, with parents, fixed modes and no owner', async () => {
    const built = buildLayer(entries);
    const seen = (await listed(built.content)).map(({ path, type, mode }) => `${path} ${type} ${mode.toString(8)}`);
    assert.deepEqual(seen, [
      '.wh.tmp file 0',
      'configs directory 755',
      'configs/a directory 755',
      'configs/a/catalog.json file 644',
      'configs/b directory 755',
      'configs/b/catalog.json file 644',
      'deep directory 755',
      `deep/${'d'.repeat(110)} directory 755`,
      `deep/${'d'.repeat(110)}/${'é'.repeat(60)} file 600`,
    ]);
  });

  test('GNU tar lists it with time 0 and owner 0', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'airgap-layer-'));
    t.after(() => rm(folder, { recursive: true }));
    writeFileSync(join(folder, 'layer.tgz'), buildLayer(entries).content);
    const listing = execFileSync(
      'tar',
      ['--utc', '--numeric-owner', '--full-time', '-tvzf', join(folder, 'layer.tgz')],
      { encoding: 'utf8' },
    );
    const lines = listing.trimEnd().split('\n');
    assert.equal(lines.length, 9);
    for (const line of lines) assert.match(line, /^[d-][rwx-]{9} 0\/0 +\d+ 1970-01-01 00:00:00 /);
  });

  test('is the same whatever the order of entries and the umask', () => {
    const before = process.umask(0o077);
    try {
      assert.equal(buildLayer(entries.toReversed()).digest, buildLayer(entries).digest);
    } finally {
      process.umask(before);
    }
  });

  test('names compressed and plain digest as an image needs them', () => {
    const built = buildLayer(entries, MEDIA_TYPE.dockerLayerGzip);
    assert.equal(built.mediaType, MEDIA_TYPE.dockerLayerGzip);
    assert.equal(built.digest, digestOf(built.content));
    assert.equal(built.size, built.content.length);
    assert.equal(built.diffId, digestOf(gunzipSync(built.content)));
    assert.equal(built.content.readUInt32LE(4), 0);
  });

  test('gives the same layer when contents are made one after the other', async () => {
    let made = 0;
    const lazily = entries.map(({ content = Buffer.alloc(0), ...entry }) => {
      const make = () => {
        made += 1;
        return content;
      };
      return { ...entry, content: make };
    });
    assert.deepEqual(await buildLargeLayer(lazily), buildLayer(entries));
    assert.equal(made, entries.length);
    const large = { path: 'z', content: () => Buffer.alloc(3_000_000, 'line of text\n') };
    assert.deepEqual(await buildLargeLayer([large]), buildLayer([large]));
  });

  test('refuses the same path twice', () => {
    assert.throws(() => buildLayer([{ path: 'a' }, { path: './a' }]), /twice/);
  });
});
