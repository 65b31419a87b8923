import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AirgapError } from '../../../src/core/errors.ts';
import {
  allCharts,
  chartFileName,
  chooseChart,
  fetchChartIndex,
  type ChartIndex,
} from '../../../src/mirror/helm-repository.ts';
import type { MirrorContext } from '../../../src/mirror/mirror-plan.ts';

/** A web site of fixed documents. */
function site(documents: Readonly<Record<string, string>>): MirrorContext {
  return {
    signal: new AbortController().signal,
    report: () => undefined,
    openSource: () => assert.fail('a chart repository is no registry'),
    fetchDocument: async (url) => {
      const document = documents[url];
      if (document === undefined) throw new AirgapError('E_NOT_FOUND', `${url} is not there`);
      return Buffer.from(document);
    },
  };
}

function index(
  versions: readonly string[],
  repository = 'https://c.io/charts',
  indexUrl = 'https://c.io/charts/index.yaml',
): Promise<ChartIndex> {
  const entries = versions.map((version) => `  - {version: "${version}", urls: ["pod-${version}.tgz"]}`).join('\n');
  return fetchChartIndex(repository, site({ [indexUrl]: `apiVersion: v1\nentries:\n  pod:\n${entries}\n` }));
}

describe('fetchChartIndex', () => {
  it('finds the index whatever end the address has, and keeps its query', async () => {
    for (const repository of ['https://c.io/charts', 'https://c.io/charts/', 'https://c.io/charts/index.yaml']) {
      const read = await index(['1.0.0'], repository);
      assert.equal(read.url, 'https://c.io/charts/index.yaml');
      assert.equal(read.entries.get('pod')?.[0]?.url, 'https://c.io/charts/pod-1.0.0.tgz');
    }
    const read = await index(['1.0.0'], 'https://c.io/charts?key=1', 'https://c.io/charts/index.yaml?key=1');
    assert.equal(read.entries.get('pod')?.[0]?.url, 'https://c.io/charts/pod-1.0.0.tgz?key=1');
  });

  it('takes absolute addresses as they are and leaves out entries without one', async () => {
    const text = `entries:
  a: [{version: 1.0.0, urls: ["https://other.io/a.tgz"]}, {version: 2.0.0}, null]
  b: null
`;
    const read = await fetchChartIndex('https://c.io/', site({ 'https://c.io/index.yaml': text }));
    assert.deepEqual([...read.entries.keys()], ['a', 'b']);
    assert.deepEqual(
      read.entries.get('a')?.map((chart) => chart.url),
      ['https://other.io/a.tgz'],
    );
  });

  it('refuses what is no index and addresses it can not fetch', async () => {
    const context = site({ 'https://c.io/index.yaml': '<html>' });
    await assert.rejects(fetchChartIndex('https://c.io', context), { code: 'E_CONFIG', message: /c\.io\/index\.yaml/ });
    await assert.rejects(fetchChartIndex('oci://c.io/charts', context), { code: 'E_CONFIG' });
    await assert.rejects(fetchChartIndex('charts', context), { code: 'E_CONFIG' });
  });
});

describe('chooseChart', () => {
  it('takes the exact version, else the newest in the range, else the newest stable one', async () => {
    const charts = await index(['1.2.0', 'v1.10.1', '1.9.0', '2.0.0-rc.1', 'nightly', '0.1']);
    const cases: readonly (readonly [string | undefined, string])[] = [
      [undefined, 'v1.10.1'],
      ['', 'v1.10.1'],
      ['1.9.0', '1.9.0'],
      ['1.10.1', 'v1.10.1'],
      ['v1.9.0', '1.9.0'],
      ['2.0.0-rc.1', '2.0.0-rc.1'],
      ['nightly', 'nightly'],
      ['>0.0.0-0', '2.0.0-rc.1'],
      ['>=1.0.0-0, <2.0.0', '2.0.0-rc.1'],
      ['^1.0.0-0', 'v1.10.1'],
      ['1.0 - 1.9', '1.9.0'],
      ['^1.2', 'v1.10.1'],
      ['~1.9', '1.9.0'],
      ['>=1.0, <1.10', '1.9.0'],
      ['0.1', '0.1'],
    ];
    for (const [version, expected] of cases) {
      assert.equal(chooseChart(charts, 'pod', version).version, expected, String(version));
    }
  });

  it('says what there is when the version or the chart is not', async () => {
    const charts = await index(['1.2.0']);
    assert.throws(() => chooseChart(charts, 'pod', '3'), { code: 'E_CONFIG', hint: 'there is 1.2.0' });
    assert.throws(() => chooseChart(charts, 'pod', 'what?'), { code: 'E_CONFIG' });
    assert.throws(() => chooseChart(charts, 'pdo', undefined), { code: 'E_CONFIG', hint: 'did you mean pod?' });
    const unstable = await index(['1.0.0-rc.1']);
    assert.throws(() => chooseChart(unstable, 'pod', undefined), { code: 'E_CONFIG', message: /no stable version/ });
  });
});

describe('allCharts', () => {
  it('lists every version but not libraries', async () => {
    const text = `entries:
  a: [{version: 1.0.0, urls: [a1.tgz]}, {version: 1.1.0, urls: [a2.tgz]}]
  lib: [{version: 1.0.0, type: library, urls: [l.tgz]}]
  app: [{version: 1.0.0, type: application, urls: [p.tgz]}]
`;
    const charts = allCharts(await fetchChartIndex('https://c.io', site({ 'https://c.io/index.yaml': text })));
    assert.deepEqual(
      charts.map((chart) => `${chart.name} ${chart.version}`),
      ['a 1.1.0', 'a 1.0.0', 'app 1.0.0'],
    );
  });
});

describe('chartFileName', () => {
  it('is the name in the address, or made of name and version when that is no plain archive name', () => {
    const chart = { name: 'pod', version: '1.0.0+b/1', isLibrary: false };
    assert.equal(chartFileName({ ...chart, url: 'https://c.io/x/pod-v1.tgz?k=1' }), 'pod-v1.tgz');
    for (const url of ['https://c.io/download?id=7', 'https://c.io/..%2F..%2Fetc.tgz', 'https://c.io/a/.tgz']) {
      assert.equal(chartFileName({ ...chart, url }), 'pod-1.0.0+b-1.tgz', url);
    }
  });
});
