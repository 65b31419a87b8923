import { test } from 'node:test';
import assert from 'node:assert/strict';
import { isAirgapError } from '../../../src/core/errors.ts';
import { planCatalogs, type BundleCatalog } from '../../../src/apply/hosted-cluster-catalogs.ts';
import { optionsOf } from '../../support/hosted-cluster.ts';

const digest = `@sha256:${'d'.repeat(64)}`;
const catalog = (name: string): BundleCatalog => ({
  source: `registry.redhat.io/redhat/${name}-index:v4.20`,
  image: `registry.example.com:5000/redhat/${name}-index${digest}`,
});
const redhat = catalog('redhat-operator');
const three = [catalog('certified-operator'), catalog('community-operator'), redhat];
const four = [...three, catalog('redhat-marketplace')];
const key = (name: string) => `hypershift.openshift.io/${name}-catalog-image`;
const none = { placement: 'management', disableDefaultSources: false, annotations: {}, warnings: [] };

test('catalogs of the bundle run inside the hosted cluster, with the default ones off', () => {
  assert.deepEqual(planCatalogs(optionsOf(), [redhat], '4.20.1'), {
    ...none,
    placement: 'guest',
    disableDefaultSources: true,
  });
});

test('a bundle without catalogs changes nothing about them', () => {
  assert.deepEqual(planCatalogs(optionsOf(), [], '4.20.1'), none);
});

test('what the user states about catalogs is kept', () => {
  const off = { ...none, disableDefaultSources: true };
  assert.deepEqual(planCatalogs(optionsOf({ 'olm-catalog-placement': 'guest' }), [], undefined), {
    ...none,
    placement: 'guest',
  });
  assert.deepEqual(planCatalogs(optionsOf({ 'olm-disable-default-sources': true }), [], undefined), off);
  const flags = { 'olm-catalog-placement': 'management', 'olm-disable-default-sources': true };
  assert.deepEqual(planCatalogs(optionsOf(flags), [redhat], '4.20.1'), off);
  const kept = { 'olm-catalog-placement': 'guest', 'olm-disable-default-sources': 'false' };
  assert.deepEqual(planCatalogs(optionsOf(kept), [redhat], '4.20.1'), { ...none, placement: 'guest' });
});

test('in management placement all default catalogs are redirected by digest, the set chosen by version', () => {
  const options = optionsOf({ 'olm-catalog-placement': 'management' });
  const names = (catalogs: readonly BundleCatalog[], version: string | undefined) =>
    Object.keys(planCatalogs(options, catalogs, version).annotations).length;
  assert.equal(names(four, '4.20.1'), 4);
  assert.equal(names(three, '4.20.1'), 0);
  assert.equal(names(three, '4.22.9'), 3);
  assert.equal(names(three, '5.0.0'), 3);
  assert.equal(names(three, undefined), 0);
  assert.equal(planCatalogs(options, four, '4.20.1').annotations[key('redhat-operators')], redhat.image);
  assert.match(planCatalogs(options, three, '4.20.1').warnings.join(), /redhat-marketplace/);
});

test('catalog annotations of the user stand alone and must be complete', () => {
  const annotations = (names: readonly string[]) => ({ annotations: names.map((name) => `${key(name)}=r/i${digest}`) });
  const all = ['certified-operators', 'community-operators', 'redhat-marketplace', 'redhat-operators'];
  assert.deepEqual(planCatalogs(optionsOf(annotations(all)), four, '4.20.1'), none);
  assert.throws(
    () => planCatalogs(optionsOf(annotations(all.slice(0, 3))), four, '4.20.1'),
    (error) => isAirgapError(error, 'E_CONFIG') && error.message.includes(key('redhat-operators')),
  );
  const overrides = 'hypershift.openshift.io/olm-catalogs-is-registry-overrides=registry.redhat.io=r:5000/mirror';
  assert.deepEqual(planCatalogs(optionsOf({ annotations: [overrides] }), four, '4.20.1'), none);
});
