import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_OPERATORS, draftImageSet, type DraftAnswers } from '../../../src/mirror/image-set-draft.ts';
import { loadImageSet } from '../../../src/mirror/image-set.ts';

const ANSWERS: DraftAnswers = {
  channel: 'stable-4.20',
  architectures: ['amd64'],
  graph: true,
  operators: DEFAULT_OPERATORS,
};

test('the draft is an image set without any problem or warning, with all that hosted clusters on KubeVirt need', () => {
  const imageSet = loadImageSet(draftImageSet(ANSWERS, './schema.json'), 'draft');
  assert.deepEqual(imageSet.warnings, []);
  assert.deepEqual(imageSet.platform, {
    graph: true,
    channels: [{ name: 'stable-4.20', type: 'ocp', shortestPath: false, full: false }],
    architectures: ['amd64'],
    release: '',
    kubeVirtContainer: true,
  });
  assert.deepEqual(
    imageSet.operators.map(({ catalog, packages }) => [catalog, packages?.map(({ name }) => name)]),
    [
      [
        'registry.redhat.io/redhat/redhat-operator-index:v4.20',
        ['kubevirt-hyperconverged', 'metallb-operator', 'multicluster-engine', 'lvms-operator'],
      ],
    ],
  );
});

test('editors find the schema by the first line', () => {
  assert.equal(draftImageSet(ANSWERS, './x.json').split('\n')[0], '# yaml-language-server: $schema=./x.json');
});

test('answers are kept as given', () => {
  const answers = {
    ...ANSWERS,
    channel: 'eus-4.18',
    minVersion: '4.17.9',
    maxVersion: '4.18.2',
    architectures: ['amd64', 's390x'],
    graph: false,
    operators: ['multicluster-engine', 'kubevirt-hyperconverged'],
    catalog: 'registry.example/index:v1',
  };
  const imageSet = loadImageSet(draftImageSet(answers, './x.json'), 'draft');
  assert.deepEqual(imageSet.warnings, []);
  assert.equal(imageSet.platform?.graph, false);
  const [channel] = imageSet.platform?.channels ?? [];
  assert.deepEqual([channel?.minVersion, channel?.maxVersion], ['4.17.9', '4.18.2']);
  assert.equal(imageSet.operators[0]?.catalog, 'registry.example/index:v1');
});

const REFUSED: readonly [what: string, change: Partial<DraftAnswers>, message: RegExp][] = [
  ['no channel', { channel: '4.20' }, /no release channel/],
  ['an unknown channel', { channel: 'latest-4.20' }, /no release channel/],
  ['a release before hosted clusters on KubeVirt', { channel: 'stable-4.13' }, /4\.14 or newer/],
  ['a release of another age', { channel: 'stable-3.11' }, /4\.14 or newer/],
  ['extended support of an odd version', { channel: 'eus-4.19' }, /only even/],
  ['a version that is none', { minVersion: '4.20' }, /no release version/],
  ['a version past the channel', { maxVersion: '4.21.0' }, /can not be in channel/],
  ['a version too old', { minVersion: '4.13.50' }, /4\.14 or newer/],
  ['versions the wrong way round', { minVersion: '4.20.5', maxVersion: '4.20.4' }, /is above/],
  ['an architecture without disk image', { architectures: ['arm64'] }, /do not run on "arm64"/],
  ['no architecture', { architectures: [] }, /no architecture/],
  ['an operator name that is none', { operators: [...DEFAULT_OPERATORS, 'Bad Name'] }, /no operator package/],
  ['without virtualization', { operators: ['multicluster-engine'] }, /need the operator kubevirt-hyperconverged/],
];
for (const [what, change, message] of REFUSED) {
  test(`${what} is refused with what to write instead`, () => {
    assert.throws(() => draftImageSet({ ...ANSWERS, ...change }, './x.json'), { code: 'E_USAGE', message, hint: /.+/ });
  });
}

test('a catalog that is no image is refused', () => {
  assert.throws(() => draftImageSet({ ...ANSWERS, catalog: 'index' }, './x.json'), { code: 'E_CONFIG' });
});

test('releases of a later major version are taken', () => {
  assert.match(
    draftImageSet({ ...ANSWERS, channel: 'stable-5.0', minVersion: '5.0.1' }, './x'),
    /operator-index:v5\.0/,
  );
});
