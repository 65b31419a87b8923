import { BlockList, isIP, isIPv6 } from 'node:net';
import { AirgapError } from '../core/errors.ts';
import type { ProxySettings } from './options.ts';

/**
 * The proxy for `url`, or undefined when it is reached directly: loopback always, and what `noProxy` lists.
 * Entries are separated by commas or spaces: `*`, `host`, `.suffix`, `*.suffix`, an address, a CIDR range, each with an
 * optional `:port`; a bare name covers its subdomains too, as in curl and Go. Throws `E_CONFIG` for a proxy that is no URL.
 */
export function proxyFor(url: URL, settings: ProxySettings): URL | undefined {
  const text = url.protocol === 'https:' ? settings.httpsProxy : settings.httpProxy;
  if (text === undefined || text === '') return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (isLoopback(host) || isExempt(host, portOf(url), settings.noProxy ?? '')) return undefined;
  const proxy = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (proxy === null || !['http:', 'https:'].includes(proxy.protocol)) {
    throw new AirgapError('E_CONFIG', 'the configured proxy is not an http:// or https:// URL', {
      hint: 'write http://host:port in HTTP_PROXY and HTTPS_PROXY',
    });
  }
  return proxy;
}

/** True for `localhost`, its subdomains, 127.0.0.0/8 and ::1. `host` has no brackets and no port. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  return isIP(host) !== 0 && LOOPBACK.check(host, isIPv6(host) ? 'ipv6' : 'ipv4');
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

function isExempt(host: string, port: string, noProxy: string): boolean {
  return noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => matches(entry.toLowerCase(), host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isInRange(host, entry);
  const { name, wantedPort } = splitPort(entry);
  if (wantedPort !== undefined && wantedPort !== port) return false;
  if (isIP(name) !== 0) return isIP(host) !== 0 && isInRange(host, `${name}/${isIPv6(name) ? 128 : 32}`);
  if (name.startsWith('*.')) return host.endsWith(name.slice(1));
  if (name.startsWith('.')) return host.endsWith(name);
  return host === name || host.endsWith(`.${name}`);
}

function isInRange(host: string, range: string): boolean {
  const family = isIP(host);
  const [network = '', bits = ''] = range.split('/');
  // A range that can not be read exempts nothing, as in curl and Go.
  if (family === 0 || isIP(network) === 0 || !/^\d{1,3}$/.test(bits)) return false;
  if (Number(bits) > (isIPv6(network) ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), isIPv6(network) ? 'ipv6' : 'ipv4');
  return list.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

function splitPort(entry: string): { name: string; wantedPort?: string } {
  if (isIP(entry) !== 0) return { name: entry };
  const match = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(entry);
  if (match === null) return { name: entry };
  const name = match[1] ?? match[2] ?? entry;
  return match[3] === undefined ? { name } : { name, wantedPort: match[3] };
}

function portOf(url: URL): string {
  return url.port !== '' ? url.port : url.protocol === 'https:' ? '443' : '80';
}
