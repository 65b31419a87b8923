import assert from 'node:assert/strict';
import test from 'node:test';
import { chooseChannel, type OfferedPackage } from '../../../src/apply/package-manifest.ts';

test('the channel to install from', () => {
  const offered = (defaultChannel: string, ...names: string[]): OfferedPackage => ({
    name: 'p',
    catalogSource: 'c',
    catalogSourceNamespace: 'n',
    defaultChannel,
    channels: names.map((name) => ({ name, currentCSV: 'v', installModes: [] })),
  });
  assert.equal(chooseChannel(offered('stable', 'stable', 'fast'), 'fast')?.name, 'fast');
  assert.equal(chooseChannel(offered('stable', 'stable', 'fast'), undefined)?.name, 'stable');
  assert.equal(
    chooseChannel(offered('stable', 'fast'), undefined)?.name,
    'fast',
    'the default was filtered out, one is left',
  );
  assert.equal(chooseChannel(offered('stable', 'fast', 'slow'), undefined), undefined);
  assert.equal(chooseChannel(offered('stable', 'stable'), 'fast'), undefined);
});
