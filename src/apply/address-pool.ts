import { isIPv4, isIPv6 } from 'node:net';
import { parseCidr } from './cidr.ts';

/**
 * How many addresses a pool entry holds: `192.0.2.0/28` or `192.0.2.10-192.0.2.20` (MetalLB, IPAddressPool). Undefined when it is
 * neither, when both ends are not of one family, or when the range runs backwards.
 */
export function poolSize(entry: string): bigint | undefined {
  const [first, last, ...more] = entry.split('-').map((part) => part.trim());
  if (first === undefined || more.length > 0) return undefined;
  const range = last === undefined ? parseCidr(first) : undefined;
  if (last === undefined) return range === undefined ? undefined : range.last - range.first + 1n;
  const [low, high] = [singleAddress(first), singleAddress(last)];
  if (low === undefined || high === undefined || low.family !== high.family || high.first < low.first) return undefined;
  return high.first - low.first + 1n;
}

/** How many addresses the entries of pools hold together; what is no entry holds none. */
export function heldAddresses(entries: readonly string[]): bigint {
  return entries.reduce((sum, entry) => sum + (poolSize(entry) ?? 0n), 0n);
}

function singleAddress(text: string) {
  if (!isIPv4(text) && !isIPv6(text)) return undefined;
  return parseCidr(`${text}/${isIPv4(text) ? 32 : 128}`);
}
