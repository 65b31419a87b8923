import { test } from 'node:test';
import assert from 'node:assert/strict';
import {
  appsDomain,
  buildAppsService,
  dnsProblem,
  dnsRecord,
  externalAddress,
  routerNodePorts,
} from '../../../src/apply/base-domain.ts';
import type { KubeObject } from '../../../src/apply/kube-object.ts';
import { optionsOf } from '../../support/hosted-cluster.ts';

const options = optionsOf({ 'base-domain': 'example.com' });
const service = (fields: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's' },
  ...fields,
});

test('applications are below the prefix or the name of the cluster', () => {
  assert.equal(appsDomain(options), 'apps.example.example.com');
  assert.equal(
    appsDomain(optionsOf({ 'base-domain': 'example.com', 'base-domain-prefix': 'p' })),
    'apps.p.example.com',
  );
  assert.equal(
    appsDomain(optionsOf({ 'base-domain': 'example.com', 'base-domain-prefix': 'none' })),
    'apps.example.com',
  );
});

test('both node ports must be there', () => {
  const ports = (...list: object[]) => routerNodePorts(service({ spec: { ports: list } }));
  const https = { name: 'https', port: 443, nodePort: 30443 };
  assert.deepEqual(ports(https, { name: 'http', port: 80, nodePort: 30080 }), { https: 30443, http: 30080 });
  assert.equal(ports(https), undefined);
  assert.equal(ports(https, { name: 'http', port: 80, nodePort: 0 }), undefined);
  assert.equal(routerNodePorts(undefined), undefined);
});

test('the load balancer leads to the machines by numbers and names no node port', () => {
  assert.deepEqual(buildAppsService(options, 'example-x7k2q', { https: 30443, http: 30080 }), {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'example-apps', namespace: 'clusters-example', labels: { app: 'example' } },
    spec: {
      type: 'LoadBalancer',
      ports: [
        { name: 'https-443', port: 443, protocol: 'TCP', targetPort: 30443 },
        { name: 'http-80', port: 80, protocol: 'TCP', targetPort: 30080 },
      ],
      selector: { 'kubevirt.io': 'virt-launcher' },
    },
  });
});

test('in a namespace shared with other machines only the own ones are selected', () => {
  const shared = optionsOf({ 'base-domain': 'example.com', 'infra-namespace': 'vms', 'infra-kubeconfig-file': 'k' });
  const { metadata, spec } = buildAppsService(shared, 'example-x7k2q', { https: 1, http: 2 }) as unknown as {
    metadata: { namespace: string };
    spec: { selector: object };
  };
  assert.equal(metadata.namespace, 'vms');
  assert.deepEqual(spec.selector, {
    'kubevirt.io': 'virt-launcher',
    'hypershift.openshift.io/infra-id': 'example-x7k2q',
  });
});

test('the DNS record is spelled out for every kind of address', () => {
  for (const [ingress, zoneLine] of [
    [{ ip: '192.0.2.7' }, '*.apps.example.example.com. IN A 192.0.2.7'],
    [{ ip: '2001:db8::7' }, '*.apps.example.example.com. IN AAAA 2001:db8::7'],
    [{ hostname: 'lb.example.net' }, '*.apps.example.example.com. IN CNAME lb.example.net.'],
  ] as const) {
    const address = externalAddress(service({ status: { loadBalancer: { ingress: [ingress] } } }));
    assert.equal(dnsRecord(options, address!).zoneLine, zoneLine);
  }
  assert.equal(externalAddress(service({ status: { loadBalancer: {} } })), undefined);
});

test('DNS is right only when every answer is the address', () => {
  const record = dnsRecord(options, { kind: 'ip', value: '192.0.2.7' });
  assert.equal(dnsProblem(record, ['192.0.2.7'], ['192.0.2.7']), undefined);
  assert.match(dnsProblem(record, [], ['192.0.2.7'])!, /does not resolve/);
  assert.match(dnsProblem(record, ['192.0.2.7', '192.0.2.8'], ['192.0.2.7'])!, /192\.0\.2\.8 instead of 192\.0\.2\.7/);
});
