import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listenOptions, parseListen } from '../../../src/cli/listen.ts';

const flags = { 'tls-cert': undefined, 'tls-key': undefined, 'plain-http': false };

test('addresses to listen on are read', () => {
  assert.deepEqual(parseListen('127.0.0.1:5000'), { host: '127.0.0.1', port: 5000 });
  assert.deepEqual(parseListen(':5000'), { host: '127.0.0.1', port: 5000 });
  assert.deepEqual(parseListen('[::1]:0'), { host: '::1', port: 0 });
  assert.deepEqual(parseListen('registry.lab:443'), { host: 'registry.lab', port: 443 });
  for (const text of ['', '5000', 'host', 'host:', '::1:5000', 'host:65536', 'http://host:1', '[host]:1', 'a b:1']) {
    assert.throws(() => parseListen(text), { code: 'E_USAGE' }, text);
  }
});

test('without encryption only this machine is served, unless asked', async () => {
  for (const listen of ['127.0.0.1:1', '127.8.0.1:1', 'localhost:1', '[::1]:1']) {
    assert.equal((await listenOptions({ ...flags, listen })).port, 1);
  }
  for (const listen of ['0.0.0.0:1', '[::]:1', 'registry.lab:1', '192.0.2.1:1', '127.example:1']) {
    await assert.rejects(listenOptions({ ...flags, listen }), { code: 'E_USAGE' }, listen);
    assert.equal((await listenOptions({ ...flags, listen, 'plain-http': true })).port, 1);
  }
});

test('a certificate file that is not there is named', async () => {
  const given = { ...flags, listen: ':1', 'tls-cert': '/nonexistent/c.pem', 'tls-key': '/nonexistent/k.pem' };
  await assert.rejects(listenOptions(given), { code: 'E_USAGE', message: /c\.pem/ });
});
