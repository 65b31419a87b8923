import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AirgapError } from '../../../src/core/errors.ts';
import type { GraphQuery } from '../../../src/mirror/graph-client.ts';
import { parseGraph, type UpdateGraph } from '../../../src/mirror/update-graph.ts';
import { checkUpgradePaths, type SelectedVersion } from '../../../src/mirror/upgrade-check.ts';

function graph(
  channel: string,
  updates: readonly string[],
  more: { readonly architecture?: string; readonly risky?: readonly string[] } = {},
): UpdateGraph {
  const pairs = updates.map((text) => text.split(' -> '));
  const versions = [...new Set([...pairs.flat(), ...(more.risky ?? []).flatMap((text) => text.split(' -> '))])];
  const document = {
    nodes: versions.map((version) => ({ version, payload: `q.io/r@${version}` })),
    edges: pairs.map((pair) => pair.map((version) => versions.indexOf(version))),
    conditionalEdges: (more.risky ?? []).map((text) => {
      const [from, to] = text.split(' -> ');
      return { edges: [{ from, to }] };
    }),
  };
  return parseGraph(JSON.stringify(document), { channel, architecture: more.architecture ?? 'amd64' });
}

const selected = (architecture: string | undefined, ...versions: readonly string[]): SelectedVersion[] =>
  versions.map((version) => ({ version, architecture, previous: [] }));

/** Answers with these graphs; every question is noted. */
function service(...graphs: readonly UpdateGraph[]) {
  const asked: string[] = [];
  return {
    asked,
    fetch: async ({ channel, architecture }: GraphQuery) => {
      asked.push(`${channel} ${architecture}`);
      const found = graphs.find((one) => one.channel === channel && one.architecture === architecture);
      if (found === undefined) throw new AirgapError('E_CONFIG', `channel ${channel} has no releases`);
      return found;
    },
  };
}

describe('checkUpgradePaths', () => {
  it('proves the way of each architecture with its own graphs', async () => {
    const graphs = [
      graph('stable-4.17', ['4.17.1 -> 4.17.3', '4.17.3 -> 4.17.5']),
      graph('stable-4.17', ['4.17.1 -> 4.17.5'], { architecture: 'arm64' }),
    ];
    const releases = [...selected('amd64', '4.17.3', '4.17.5'), ...selected('arm64', '4.17.5')];
    const quiet = service();
    assert.deepEqual(await checkUpgradePaths('4.17.1', { releases, graphs }, quiet), [
      { architecture: 'amd64', installed: '4.17.1', wanted: '4.17.5', hops: ['4.17.1', '4.17.3', '4.17.5'] },
      { architecture: 'arm64', installed: '4.17.1', wanted: '4.17.5', hops: ['4.17.1', '4.17.5'] },
    ]);
    assert.deepEqual(quiet.asked, [], 'nothing is asked while the known graphs are enough');
    await assert.rejects(checkUpgradePaths('4.17.1', { releases: selected('amd64', '4.17.5'), graphs }, quiet), {
      code: 'E_CONFIG',
      message:
        /update from 4\.17\.1 to 4\.17\.5 \(amd64\): 4\.17\.3 is not selected, the way is 4\.17\.1 → 4\.17\.3 → 4\.17\.5/,
    });
  });

  it('asks for the channels between with the prefix of the newest one; those that do not exist are passed over', async () => {
    const eus = graph('eus-4.18', ['4.17.9 -> 4.18.2']);
    const between = service(graph('eus-4.16', ['4.16.3 -> 4.16.8', '4.16.8 -> 4.17.9']));
    const releases = selected('amd64', '4.16.8', '4.17.9', '4.18.2');
    const [proof] = await checkUpgradePaths('4.16.3', { releases, graphs: [eus] }, between);
    assert.deepEqual(proof!.hops, ['4.16.3', '4.16.8', '4.17.9', '4.18.2']);
    assert.deepEqual(between.asked, ['eus-4.16 amd64', 'eus-4.17 amd64']);
  });

  it('tells a way with known risks, a version nobody knows, and what is no version', async () => {
    const graphs = [graph('stable-4.17', ['4.17.1 -> 4.17.3'], { risky: ['4.17.3 -> 4.17.5'] })];
    const input = { releases: selected('amd64', '4.17.3', '4.17.5'), graphs };
    await assert.rejects(checkUpgradePaths('4.17.1', input, service()), {
      code: 'E_CONFIG',
      hint: /known risks lead there: 4\.17\.1 → 4\.17\.3 → 4\.17\.5/,
    });
    await assert.rejects(checkUpgradePaths('4.11.0', input, service()), { message: /4\.11\.0 is in none of them/ });
    await assert.rejects(checkUpgradePaths('4.17', input, service()), { code: 'E_USAGE' });
    const broken = {
      fetch: async () => Promise.reject(new AirgapError('E_UNREACHABLE', 'no network')),
    };
    await assert.rejects(checkUpgradePaths('4.11.0', input, broken), { code: 'E_UNREACHABLE' });
  });

  it('is done when the newest selected version is installed', async () => {
    const [proof] = await checkUpgradePaths('4.17.5', { releases: selected('amd64', '4.17.5'), graphs: [] }, service());
    assert.deepEqual(proof!.hops, ['4.17.5']);
  });
});
