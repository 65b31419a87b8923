import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compareVersions,
  equalsExact,
  exactVersionOf,
  formatRange,
  parseVersion,
  rangeMatcher,
} from '../../../src/mirror/version-range.ts';
import { isAirgapError } from '../../../src/core/errors.ts';

test('a version is what semver 2.0.0 calls one', () => {
  for (const text of ['1.2.3', '0.0.0', '1.2.3-rc.1', '1.2.3+9', '1.2.3-0a.b-c+build.01', '99999999999999999999.0.0']) {
    assert.ok(parseVersion(text), text);
  }
  for (const text of [
    '',
    '1',
    '1.2',
    'v1.2.3',
    '1.2.3.4',
    '01.2.3',
    '1.2.3-01',
    '1.2.3-',
    '1.2.3+',
    '1.2.x',
    ' 1.2.3',
  ]) {
    assert.equal(parseVersion(text), undefined, text);
  }
});

test('versions order as semver 2.0.0 section 11 says, build metadata ignored', () => {
  const ordered = [
    '1.0.0-1',
    '1.0.0-2',
    '1.0.0-10',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta.11',
  ];
  ordered.push('1.0.0-rc.1', '1.0.0', '1.0.1', '1.2.0', '1.10.0', '2.0.0', '18446744073709551616.0.0');
  const shuffled = ordered.toReversed().toSorted((a, b) => compareVersions(parseVersion(a)!, parseVersion(b)!));
  assert.deepEqual(shuffled, ordered);
  assert.equal(compareVersions(parseVersion('1.0.0+5')!, parseVersion('1.0.0+4')!), 0);
});

const CASES: readonly [min: string, max: string, inside: string, outside: string][] = [
  ['', '', '0.0.1 9.9.9', '1.0.0-rc.1'],
  ['4.2', '', '4.2.0 4.2.7 4.3.0+9 5.0.0', '4.1.9 4.2.0-rc.1 4.3.0-rc.1'],
  ['4.2.0', '', '4.2.0 4.2.7', '4.1.9 4.2.0-rc.1'],
  ['', '4.2', '4.2.7 4.1.0 0.0.1 4.2.999', '4.3.0 5.0.0 4.2.0-rc.1'],
  ['', '4', '4.2.7 4.99.0 3.0.0', '5.0.0'],
  ['', '4.2.0', '4.2.0 4.2.0+7 4.1.9', '4.2.1'],
  ['4.2.0-0', '', '4.2.0-rc.1 4.2.0 4.3.0-rc.1', '4.1.9 4.1.0-rc.1'],
  ['4.1.0', '4.2.7-0', '4.1.0 4.2.0-rc.1 4.2.6', '4.2.7 4.1.0-rc.1'],
  ['v4.1', 'v4.2', '4.1.0 4.2.9', '4.3.0'],
  ['1.0.0+5', '', '1.0.0 1.0.0+1', '0.9.9'],
  ['4.08', '004.10.00', '4.8.0 4.10.0', '4.7.9 4.10.1'],
];

test('ranges match by the rules of Masterminds/semver: wildcards, pre-releases only when a bound has one', () => {
  for (const [minVersion, maxVersion, inside, outside] of CASES) {
    const matches = rangeMatcher({ minVersion, maxVersion });
    for (const text of inside.split(' '))
      assert.ok(matches(parseVersion(text)!), `${text} in ${minVersion}..${maxVersion}`);
    for (const text of outside.split(' ')) {
      assert.ok(!matches(parseVersion(text)!), `${text} not in ${minVersion}..${maxVersion}`);
    }
  }
});

test('an exact version is one whose two bounds are written alike', () => {
  assert.equal(exactVersionOf({ minVersion: '1.0.0', maxVersion: '1.0.0' }), '1.0.0');
  assert.equal(exactVersionOf({ minVersion: '1.0.0', maxVersion: '1.0' }), undefined);
  assert.equal(exactVersionOf({ minVersion: '1.0.0' }), undefined);
  assert.equal(exactVersionOf({}), undefined);
  assert.ok(equalsExact(parseVersion('4.3.0+9')!, '4.3'));
  assert.ok(equalsExact(parseVersion('4.3.0')!, 'v04.03'));
  assert.ok(equalsExact(parseVersion('4.3.0+9')!, '4.3.0+1'));
  assert.ok(!equalsExact(parseVersion('4.3.1')!, '4.3'));
  assert.ok(equalsExact(parseVersion('4.3.0-rc.1')!, '4.3.0-rc.1'));
});

test('a bound that is no version is a configuration error', () => {
  for (const minVersion of ['latest', '4.x', '1.2.3.4', '>=1']) {
    assert.throws(
      () => rangeMatcher({ minVersion }),
      (error) => isAirgapError(error, 'E_CONFIG'),
    );
  }
});

test('a range reads as the vendor tool writes it', () => {
  assert.equal(formatRange({ minVersion: '1.0.0', maxVersion: '2' }), '>=1.0.0 <=2');
  assert.equal(formatRange({ maxVersion: '2' }), '<=2');
});
