import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLoopback, proxyFor } from '../../../src/registry/proxy.ts';

const settings = { httpProxy: 'http://plain.proxy:3128', httpsProxy: 'tls.proxy:3129' };

const cases: readonly { url: string; noProxy?: string; isDirect: boolean }[] = [
  { url: 'https://quay.io/', isDirect: false },
  { url: 'https://quay.io/', noProxy: '*', isDirect: true },
  { url: 'https://quay.io/', noProxy: 'quay.io', isDirect: true },
  { url: 'https://cdn.quay.io/', noProxy: 'quay.io', isDirect: true },
  { url: 'https://notquay.io/', noProxy: 'quay.io', isDirect: false },
  { url: 'https://quay.io/', noProxy: '.quay.io', isDirect: false },
  { url: 'https://cdn.quay.io/', noProxy: '.quay.io', isDirect: true },
  { url: 'https://cdn.quay.io/', noProxy: '*.quay.io', isDirect: true },
  { url: 'https://QUAY.io/', noProxy: 'a,  Quay.IO ,b', isDirect: true },
  { url: 'https://quay.io/', noProxy: 'quay.io:443', isDirect: true },
  { url: 'https://quay.io:8443/', noProxy: 'quay.io:443', isDirect: false },
  { url: 'https://quay.io:8443/', noProxy: 'quay.io:8443', isDirect: true },
  { url: 'https://10.1.2.3/', noProxy: '10.0.0.0/8', isDirect: true },
  { url: 'https://11.1.2.3/', noProxy: '10.0.0.0/8', isDirect: false },
  { url: 'https://10.1.2.3:5000/', noProxy: '10.1.2.3', isDirect: true },
  { url: 'https://10.1.2.30/', noProxy: '10.1.2.3', isDirect: false },
  { url: 'https://[fd00::5]/', noProxy: 'fd00::/8', isDirect: true },
  { url: 'https://[fd00::5]:5000/', noProxy: '[fd00::5]:5000', isDirect: true },
  { url: 'https://[fe80::5]/', noProxy: 'fd00::/8', isDirect: false },
  { url: 'https://host/', noProxy: '10.0.0.0/99, x/y', isDirect: false },
  { url: 'https://localhost:5000/', isDirect: true },
  { url: 'http://127.8.0.1:5000/', isDirect: true },
  { url: 'http://[::1]:5000/', isDirect: true },
];

for (const { url, noProxy, isDirect } of cases) {
  test(`${url} with NO_PROXY=${noProxy ?? ''} is reached ${isDirect ? 'directly' : 'by the proxy'}`, () => {
    const proxy = proxyFor(new URL(url), noProxy === undefined ? settings : { ...settings, noProxy });
    assert.equal(proxy === undefined, isDirect);
  });
}

test('each scheme has its own proxy, and a proxy without scheme is an HTTP proxy', () => {
  assert.equal(proxyFor(new URL('http://quay.io/'), settings)?.href, 'http://plain.proxy:3128/');
  assert.equal(proxyFor(new URL('https://quay.io/'), settings)?.href, 'http://tls.proxy:3129/');
  assert.equal(proxyFor(new URL('https://quay.io/'), { httpProxy: 'http://x' }), undefined);
});

test('a proxy that is no URL is a configuration error that does not repeat it', () => {
  assert.throws(
    () => proxyFor(new URL('https://quay.io/'), { httpsProxy: 'socks5://u:hidden@p' }),
    (error: Error) => {
      return 'code' in error && error.code === 'E_CONFIG' && !error.message.includes('hidden');
    },
  );
});

test('loopback is recognised as a whole address, never by its beginning', () => {
  for (const host of ['localhost', 'a.localhost', '127.0.0.1', '127.255.0.9', '::1']) assert.ok(isLoopback(host), host);
  for (const host of ['127.0.0.1.example.com', 'localhost.example.com', '128.0.0.1', '::2'])
    assert.ok(!isLoopback(host), host);
});
