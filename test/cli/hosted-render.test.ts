/** Flags of the vendor's `create cluster kubevirt`, written as its users write them, through the whole command line. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { parseYamlStream } from '../../src/core/yaml.ts';
import { textAt, valueAt, type KubeObject } from '../../src/apply/kube-object.ts';
import { image, pushContent } from '../support/images.ts';
import { flagsFor, openRepository, succeed, writeImageSet, writeKeys } from '../support/packing.ts';
import { runCli, temporaryFolder } from '../support/run-cli.ts';
import { freshRepository, plainRegistries } from '../support/shared-registries.ts';

const RELEASE = `registry.example.com:5000/openshift/release-images@sha256:${'a'.repeat(64)}`;

test('unpack --render writes a hosted cluster from flags as the vendor tool would', async (t) => {
  const source = await plainRegistries[0]!.open(t);
  if (source === undefined) return;
  const folder = temporaryFolder(t);
  const prefix = freshRepository('hosted');
  await pushContent(openRepository(t, source, prefix), image().layer('etc/x', 'y').build(), 'v1');
  const { key, pub } = writeKeys(folder);
  const config = writeImageSet(folder, [{ name: `${source.host}/${prefix}:v1` }]);
  const options = { cwd: folder };
  await succeed(['pack', '-c', config, '-o', 'x.tar', '--sign-key', key, ...flagsFor(source, folder)], options);
  writeFileSync(join(folder, 'pull-secret.json'), '{"auths":{"registry.example.com:5000":{"auth":"eDp5"}}}');
  const unpack = [
    ...['unpack', 'x.tar', '--key', pub, '--registry', 'registry.example.com:5000', '--render', 'out'],
    ...['--name', 'hosted1', '--pull-secret', 'pull-secret.json', '--release-image', RELEASE],
  ];

  await t.test('with every form a flag may have', async () => {
    await succeed(
      [
        ...unpack,
        '--node-pool-replicas=2',
        ...['--memory', '8192Mi', '--cores', '4', '--root-volume-size=64'],
        ...['--etcd-storage-class', 'lvms-vg1', '--infra-id=hosted1-abcde'],
        ...['--toleration', 'key=role,value=cp,effect=noschedule', '--toleration', 'operator=Exists'],
        ...['--annotations', 'a=b,c=d', '--annotations', 'e=f=g', '--node-selector', 'role=cp,disk=fast'],
        ...['--additional-network', 'name:ns/nad', '--attach-default-network=false'],
        ...['--olm-catalog-placement', 'Guest', '--fips=true', '--auto-repair=false', '--node-drain-timeout', '30m'],
      ],
      options,
    );
    const file = readdirSync(join(folder, 'out')).find((name) => name.endsWith('-hosted-cluster.yaml'));
    const text = readFileSync(join(folder, 'out', file!), 'utf8');
    const objects = parseYamlStream(text, 'out') as KubeObject[];
    assert.deepEqual(
      objects.map(({ kind }) => kind),
      ['Namespace', 'HostedCluster', 'NodePool'],
    );
    const [, cluster, pool] = objects;
    assert.deepEqual(cluster!.metadata.annotations, { a: 'b,c=d', e: 'f=g' });
    assert.equal(textAt(cluster, 'spec', 'infraID'), 'hosted1-abcde');
    assert.equal(textAt(cluster, 'spec', 'release', 'image'), RELEASE);
    assert.equal(valueAt(cluster, 'spec', 'fips'), true);
    assert.equal(textAt(cluster, 'spec', 'olmCatalogPlacement'), 'guest');
    assert.deepEqual(valueAt(cluster, 'spec', 'nodeSelector'), { role: 'cp', disk: 'fast' });
    assert.deepEqual(valueAt(cluster, 'spec', 'tolerations'), [
      { key: 'role', value: 'cp', effect: 'NoSchedule' },
      { operator: 'Exists' },
    ]);
    assert.equal(valueAt(pool, 'spec', 'replicas'), 2);
    assert.equal(textAt(pool, 'spec', 'nodeDrainTimeout'), '30m0s');
    assert.deepEqual(valueAt(pool, 'spec', 'platform', 'kubevirt'), {
      additionalNetworks: [{ name: 'ns/nad' }],
      attachDefaultNetwork: false,
      compute: { cores: 4, memory: '8Gi' },
      networkInterfaceMultiqueue: 'Enable',
      rootVolume: { persistent: { size: '64Gi' }, type: 'Persistent' },
    });
  });

  await t.test('and refuses what can not work with exit status 2 and the names of the fields', async () => {
    const refused = await runCli([...unpack, '--memory', 'much', '--cores', '0'], options);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /--memory|memory/);
    assert.match(refused.stderr, /cores/);
  });
});
