import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  channelHead,
  parseGraph,
  resolveRange,
  riskyPath,
  shortestPath,
  versionsInRange,
} from '../../../src/mirror/update-graph.ts';
import { crossChannelPath, proveUpgradePath } from '../../../src/mirror/upgrade-path.ts';

const REAL = { channel: 'stable-4.13', architecture: 'amd64' };
const real = parseGraph(readFileSync(new URL('../../fixtures/graph/amd64-stable-4.13.json', import.meta.url)), REAL);

/** A graph from updates like `4.1.0 -> 4.1.2`; single versions stand alone. */
function graphOf(channel: string, updates: readonly string[]) {
  const pairs = updates.map((text) => text.split(' -> '));
  const versions = [...new Set(pairs.flat())];
  const nodes = versions.map((version) => ({ version, payload: `quay.io/o/r@sha256:${version}`, metadata: {} }));
  const edges = pairs
    .filter((pair) => pair.length === 2)
    .map((pair) => pair.map((version) => versions.indexOf(version)));
  return parseGraph(JSON.stringify({ nodes, edges }), { channel, architecture: 'amd64' });
}

/** Answers from these graphs; others are empty. Notes every question. */
function client(...graphs: ReturnType<typeof graphOf>[]) {
  const questions: string[] = [];
  return {
    questions,
    fetch: async (channel: string, version?: string) => {
      questions.push(version === undefined ? channel : `${channel} from ${version}`);
      return graphs.find((graph) => graph.channel === channel) ?? graphOf(channel, []);
    },
  };
}

describe('a real graph', () => {
  test('has its nodes, channels and unconditional updates, highest first', () => {
    assert.equal(real.nodes.size, 98);
    assert.ok(real.nodes.get('4.13.1')?.channels.includes('stable-4.13'));
    const updates = real.updates.get('4.13.0') ?? [];
    assert.ok(updates.length > 5);
    assert.deepEqual(
      updates,
      updates.toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true })),
    );
  });

  test('gives head, ranges and shortest paths', () => {
    const head = channelHead(real);
    assert.deepEqual(resolveRange({ full: false }, real), { min: head, max: head });
    const path = shortestPath(real, { min: '4.12.20', max: head });
    assert.equal(path.found, true);
    assert.deepEqual([path.versions[0], path.versions.at(-1)], ['4.12.20', head]);
    for (const [at, version] of path.versions.slice(1).entries()) {
      assert.ok(real.updates.get(path.versions[at]!)?.includes(version), `${path.versions[at]} to ${version}`);
    }
  });

  test('does not follow conditional updates', () => {
    assert.equal(real.updates.get('4.13.1')?.includes('4.13.36'), false);
    assert.equal(real.riskyUpdates.get('4.13.1')?.includes('4.13.36'), true);
    assert.deepEqual(riskyPath(real, { min: '4.13.1', max: '4.13.36' }), ['4.13.1', '4.13.36']);
  });
});

describe('versions of a channel', () => {
  const graph = graphOf('stable-4.17', [
    '4.16.9 -> 4.17.0',
    '4.17.0-rc.1 -> 4.17.0',
    '4.17.0 -> 4.17.3',
    '4.17.3 -> 4.17.10',
  ]);
  const ranges: [object, string, string][] = [
    [{}, '4.17.10', '4.17.10'],
    [{ full: true }, '4.16.9', '4.17.10'],
    [{ minVersion: '4.17.0' }, '4.17.0', '4.17.10'],
    [{ minVersion: '4.17.0', full: true }, '4.17.0', '4.17.10'],
    [{ maxVersion: '4.17.3' }, '4.16.9', '4.17.3'],
    [{ minVersion: '4.17.0', maxVersion: '4.17.3' }, '4.17.0', '4.17.3'],
    [{ minVersion: '', maxVersion: '' }, '4.17.10', '4.17.10'],
  ];
  for (const [bounds, min, max] of ranges) {
    test(`${JSON.stringify(bounds)} means ${min} to ${max}`, () => {
      assert.deepEqual(resolveRange({ full: false, ...bounds }, graph), { min, max });
    });
  }

  const selections: [string, string, string[]][] = [
    ['4.16.0', '4.17.0', ['4.16.9', '4.17.0-rc.1', '4.17.0']],
    ['4.17.0', '4.17.3', ['4.17.0', '4.17.3']],
    ['4.17.1', '4.17.99', ['4.17.3', '4.17.10']],
    ['4.17.0-rc.1', '4.17.0-rc.1', ['4.17.0-rc.1']],
  ];
  for (const [min, max, expected] of selections) {
    test(`from ${min} to ${max} are ${expected.join(', ')}`, () => {
      assert.deepEqual(versionsInRange(graph, { min, max }), expected);
    });
  }

  test('none in range is an error with the nearest ones', () => {
    assert.throws(() => versionsInRange(graph, { min: '4.17.5', max: '4.17.5' }), {
      code: 'E_CONFIG',
      message: 'version 4.17.5 is not in channel stable-4.17 (amd64)',
      hint: /nearest in the channel: 4\.17\.0, 4\.17\.3, 4\.17\.10/,
    });
    assert.throws(() => versionsInRange(graph, { min: '4.18.0', max: '4.19.0' }), {
      message: /no version from 4\.18\.0 to 4\.19\.0/,
    });
  });

  test('an end of a path that is not there is an error with the nearest ones', () => {
    assert.throws(() => shortestPath(graph, { min: '4.17.2', max: '4.17.3' }), {
      code: 'E_CONFIG',
      hint: /4\.17\.0, 4\.17\.3/,
    });
  });

  test('a channel without releases has no head', () => {
    assert.throws(() => channelHead(graphOf('x-1.1', [])), { code: 'E_CONFIG', message: /has no releases/ });
  });
});

describe('shortest paths', () => {
  test('prefer the highest next version among equally long ones', () => {
    const graph = graphOf('s-4.1', [
      '4.1.0 -> 4.1.1',
      '4.1.0 -> 4.1.2',
      '4.1.0 -> 4.1.3',
      '4.1.1 -> 4.1.9',
      '4.1.2 -> 4.1.9',
      '4.1.3 -> 4.1.9',
    ]);
    assert.deepEqual(shortestPath(graph, { min: '4.1.0', max: '4.1.9' }).versions, ['4.1.0', '4.1.3', '4.1.9']);
  });

  test('take fewest hops, not the highest versions', () => {
    const graph = graphOf('s-4.1', [
      '4.1.0 -> 4.1.8',
      '4.1.8 -> 4.1.8-x',
      '4.1.8-x -> 4.1.9',
      '4.1.0 -> 4.1.1',
      '4.1.1 -> 4.1.9',
    ]);
    assert.deepEqual(shortestPath(graph, { min: '4.1.0', max: '4.1.9' }).versions, ['4.1.0', '4.1.1', '4.1.9']);
  });

  test('that do not exist give both ends and say so', () => {
    const graph = graphOf('s-4.1', ['4.1.9', '4.1.0']);
    assert.deepEqual(shortestPath(graph, { min: '4.1.0', max: '4.1.9' }), {
      versions: ['4.1.0', '4.1.9'],
      found: false,
    });
  });

  test('with known risks are found apart, and only within the channel', () => {
    const nodes = ['4.1.0', '4.1.5', '4.1.9'].map((version) => ({ version, payload: version }));
    const conditionalEdges = [
      {
        edges: [
          { from: '4.1.5', to: '4.1.9' },
          { from: '4.1.0', to: '4.9.0' },
        ],
        risks: [],
      },
    ];
    const graph = parseGraph(JSON.stringify({ nodes, edges: [[0, 1]], conditionalEdges }), REAL);
    assert.equal(shortestPath(graph, { min: '4.1.0', max: '4.1.9' }).found, false);
    assert.deepEqual(riskyPath(graph, { min: '4.1.0', max: '4.1.9' }), ['4.1.0', '4.1.5', '4.1.9']);
    assert.equal(riskyPath(graph, { min: '4.1.9', max: '4.1.0' }), undefined);
  });

  test('from a version to itself are that version', () => {
    assert.deepEqual(shortestPath(graphOf('s-4.1', ['4.1.0']), { min: '4.1.0', max: '4.1.0' }).versions, ['4.1.0']);
  });

  test('end in cycles', () => {
    const graph = graphOf('s-4.1', ['4.1.0 -> 4.1.1', '4.1.1 -> 4.1.0', '4.1.9']);
    assert.equal(shortestPath(graph, { min: '4.1.0', max: '4.1.9' }).found, false);
  });
});

describe('documents that are no graph', () => {
  const bad: [string, string][] = [
    ['no JSON', '<html>'],
    ['another document', '{"kind":"Status"}'],
    ['an edge to nowhere', '{"nodes":[{"version":"4.1.0","payload":"p"}],"edges":[[0,1]]}'],
    ['a version that is none', '{"nodes":[{"version":"latest","payload":"p"}],"edges":[]}'],
    ['edges of three', '{"nodes":[],"edges":[[0,1,2]]}'],
  ];
  for (const [what, text] of bad) {
    test(`are refused: ${what}`, () => {
      assert.throws(() => parseGraph(text, REAL), { code: 'E_CONFIG', message: /stable-4\.13/ });
    });
  }
});

describe('paths over several channels', () => {
  const s16 = graphOf('stable-4.16', ['4.16.1 -> 4.16.5', '4.16.5 -> 4.16.9']);
  const s17 = graphOf('stable-4.17', ['4.16.9 -> 4.17.2', '4.17.2 -> 4.17.6', '4.16.5 -> 4.17.0']);
  const s18 = graphOf('stable-4.18', ['4.17.6 -> 4.18.1', '4.18.1 -> 4.18.4', '4.17.8']);
  const f17 = graphOf('fast-4.17', ['4.16.9 -> 4.17.2', '4.17.2 -> 4.17.8']);
  const c18 = graphOf('candidate-4.18', ['4.17.6 -> 4.18.4']);
  const f16 = graphOf('fast-4.16', ['4.16.5 -> 4.16.10', '4.16.1 -> 4.16.5']);
  const cases: [string, { name: string; min: string; max: string }[], string[][], number][] = [
    [
      'go through each minor version to its head',
      [
        { name: 'stable-4.16', min: '4.16.1', max: '4.16.1' },
        { name: 'stable-4.18', min: '4.18.4', max: '4.18.4' },
      ],
      [
        ['4.16.1', '4.16.5', '4.16.9'],
        ['4.16.9', '4.17.2', '4.17.6'],
        ['4.17.6', '4.18.1', '4.18.4'],
      ],
      0,
    ],
    [
      'stay in one channel when both ends are there',
      [{ name: 'stable-4.16', min: '4.16.1', max: '4.16.9' }],
      [['4.16.1', '4.16.5', '4.16.9']],
      0,
    ],
    [
      'of one minor version use the channel of the target',
      [
        { name: 'stable-4.16', min: '4.16.1', max: '4.16.9' },
        { name: 'fast-4.16', min: '4.16.10', max: '4.16.10' },
      ],
      [['4.16.1', '4.16.5', '4.16.10']],
      0,
    ],
    [
      'that are blocked add the target alone, and say so',
      [
        { name: 'fast-4.16', min: '4.16.1', max: '4.16.10' },
        { name: 'stable-4.17', min: '4.17.6', max: '4.17.6' },
      ],
      [['4.16.1', '4.16.5', '4.16.10'], ['4.17.6']],
      1,
    ],
    [
      'that are blocked on the way add the head of that channel too, where the target channel has it',
      [
        { name: 'fast-4.16', min: '4.16.1', max: '4.16.10' },
        { name: 'stable-4.18', min: '4.18.4', max: '4.18.4' },
      ],
      [
        ['4.16.1', '4.16.5', '4.16.10'],
        ['4.17.8', '4.18.4'],
      ],
      1,
    ],
    [
      'that are blocked on the way add the target alone, where the target channel has no such head',
      [
        { name: 'fast-4.16', min: '4.16.1', max: '4.16.10' },
        { name: 'candidate-4.18', min: '4.18.4', max: '4.18.4' },
      ],
      [['4.16.1', '4.16.5', '4.16.10'], ['4.18.4']],
      1,
    ],
    [
      'of one minor whose start is unknown to the target channel add the target alone',
      [
        { name: 'stable-4.16', min: '4.16.0', max: '4.16.5' },
        { name: 'fast-4.16', min: '4.16.10', max: '4.16.10' },
      ],
      [['4.16.10']],
      1,
    ],
  ];
  for (const [what, channels, expected, warnings] of cases) {
    test(what, async () => {
      const path = await crossChannelPath(channels, client(s16, s17, s18, f16, f17, c18).fetch);
      assert.deepEqual(
        path.segments.map(({ versions }) => versions),
        expected,
      );
      assert.equal(path.warnings.length, warnings, path.warnings.join('\n'));
    });
  }

  test('ask for the path from where it starts', async () => {
    const asked = client(s16, s17);
    await crossChannelPath(
      [
        { name: 'stable-4.16', min: '4.16.1', max: '4.16.1' },
        { name: 'stable-4.17', min: '4.17.6', max: '4.17.6' },
      ],
      asked.fetch,
    );
    assert.ok(asked.questions.includes('stable-4.16 from 4.16.1'));
    assert.ok(asked.questions.includes('stable-4.17 from 4.16.9'));
  });

  test('downwards or to another major version add the target alone', async () => {
    const five = graphOf('stable-5.0', ['5.0.1']);
    const up = await crossChannelPath(
      [
        { name: 'stable-4.18', min: '4.18.1', max: '4.18.1' },
        { name: 'stable-5.0', min: '5.0.1', max: '5.0.1' },
      ],
      client(s18, five).fetch,
    );
    assert.deepEqual(
      up.segments.map(({ versions }) => versions),
      [['5.0.1']],
    );
    assert.equal(up.warnings.length, 1);
  });

  test('need major and minor version in the name', async () => {
    await assert.rejects(
      crossChannelPath(
        [
          { name: 'stable', min: '4.16.1', max: '4.16.1' },
          { name: 'stable-4.17', min: '4.17.6', max: '4.17.6' },
        ],
        client(s16, s17).fetch,
      ),
      { code: 'E_CONFIG', message: /channel stable/ },
    );
  });
});

describe('the proof of an upgrade path', () => {
  const graphs = [
    graphOf('stable-4.16', ['4.16.1 -> 4.16.5', '4.16.5 -> 4.16.9', '4.16.1 -> 4.16.9']),
    graphOf('stable-4.17', ['4.16.9 -> 4.17.2', '4.17.2 -> 4.17.6', '4.16.5 -> 4.17.2']),
  ];

  test('names every hop when all are selected', () => {
    assert.deepEqual(proveUpgradePath(graphs, '4.16.1', '4.17.6', ['4.16.9', '4.17.2', '4.17.6']), {
      complete: true,
      hops: ['4.16.1', '4.16.9', '4.17.2', '4.17.6'],
    });
  });

  test('takes a way over selected versions even when another is preferred', () => {
    const proof = proveUpgradePath(graphs, '4.16.1', '4.17.6', ['4.16.5', '4.17.2', '4.17.6']);
    assert.deepEqual(proof, { complete: true, hops: ['4.16.1', '4.16.5', '4.17.2', '4.17.6'] });
  });

  test('names what is missing', () => {
    assert.deepEqual(proveUpgradePath(graphs, '4.16.1', '4.17.6', ['4.17.6']), {
      complete: false,
      hops: ['4.16.1', '4.16.9', '4.17.2', '4.17.6'],
      missing: ['4.16.9', '4.17.2'],
    });
  });

  test('says when the wanted version itself is not selected', () => {
    assert.deepEqual(proveUpgradePath(graphs, '4.16.9', '4.17.2', []), {
      complete: false,
      hops: ['4.16.9', '4.17.2'],
      missing: ['4.17.2'],
    });
  });

  test('says when no graph knows a way', () => {
    assert.deepEqual(proveUpgradePath(graphs, '4.17.6', '4.16.1', ['4.16.1']), {
      complete: false,
      hops: undefined,
      missing: [],
    });
    assert.deepEqual(proveUpgradePath(graphs, '4.15.0', '4.17.6', ['4.17.6']), {
      complete: false,
      hops: undefined,
      missing: ['4.15.0'],
    });
  });

  test('holds for the version that is installed', () => {
    assert.deepEqual(proveUpgradePath([], '4.17.6', '4.17.6', []), { complete: true, hops: ['4.17.6'] });
  });
});
