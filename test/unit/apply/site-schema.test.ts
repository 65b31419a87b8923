import assert from 'node:assert/strict';
import test from 'node:test';
import { ManagementClusterSchema } from '../../../src/apply/site-schema.ts';

const lvms = (deviceClass: object) => ({ storage: { kind: 'lvms', install: true, deviceClasses: [deviceClass] } });

test('an empty section means: trust and catalogs, no operator', () => {
  assert.deepEqual(ManagementClusterSchema.parse({}), {
    registryTrust: { configMap: 'registry-config', pullSecret: true },
    catalogs: { disableDefaultSources: true },
  });
});

test('defaults of LVM storage are those of the procedure', () => {
  const { storage } = ManagementClusterSchema.parse(lvms({ paths: ['/dev/sdb'] }));
  assert.ok(storage?.kind === 'lvms');
  assert.deepEqual(storage.deviceClasses[0], {
    name: 'vg1',
    default: true,
    fstype: 'xfs',
    paths: ['/dev/sdb'],
    optionalPaths: [],
    useAllUnusedDisks: false,
    forceWipeDevicesAndDestroyAllData: false,
    thinPool: { name: 'thin-pool-1', sizePercent: 90, overprovisionRatio: 10 },
  });
});

test('what is unknown, missing or dangerous is refused with its path', async (t) => {
  const cases: { title: string; value: object; path: string }[] = [
    { title: 'an unknown key', value: { virtualisation: { install: true } }, path: '' },
    {
      title: 'an unknown key of an operator',
      value: { virtualization: { install: true, chanel: 'stable' } },
      path: 'virtualization',
    },
    {
      title: 'an operator without a decision',
      value: { virtualization: { channel: 'stable' } },
      path: 'virtualization.install',
    },
    { title: 'disks nobody named', value: lvms({}), path: 'storage.deviceClasses' },
    {
      title: 'paths beside all disks',
      value: lvms({ paths: ['/dev/sdb'], useAllUnusedDisks: true }),
      path: 'storage.deviceClasses',
    },
    {
      title: 'no default device class',
      value: lvms({ paths: ['/dev/sdb'], default: false }),
      path: 'storage.deviceClasses',
    },
    { title: 'a path that is no device', value: lvms({ paths: ['sdb'] }), path: 'storage.deviceClasses.0.paths.0' },
    {
      title: 'a pool without addresses',
      value: { loadBalancer: { install: true, addressPools: [{ name: 'a', addresses: [] }] } },
      path: 'loadBalancer.addressPools.0.addresses',
    },
    {
      title: 'an address that is no range',
      value: { loadBalancer: { install: true, addressPools: [{ name: 'a', addresses: ['192.0.2.1'] }] } },
      path: 'loadBalancer.addressPools.0.addresses.0',
    },
  ];
  for (const { title, value, path } of cases) {
    await t.test(title, () => {
      const result = ManagementClusterSchema.safeParse(value);
      assert.equal(result.error?.issues[0]?.path.join('.'), path);
    });
  }
});
