import { isIPv4, isIPv6 } from 'node:net';

/** An address range in CIDR notation. */
export interface Cidr {
  /** Canonical text: IPv6 compressed and in lower case, bits behind the prefix kept as written. */
  readonly text: string;
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

/** Parses `address/bits`; undefined when it is none. Text form as of RFC 5952, leading zeros in IPv4 are refused. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([^/%]+)\/(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const bits = Number(match[2]);
  const family = isIPv4(match[1]!) ? 4 : isIPv6(match[1]!) ? 6 : undefined;
  if (family === undefined || bits > widthOf(family)) return undefined;
  if (family === 6 && /^::ffff:/i.test(match[1]!)) return undefined; // an IPv4 range in disguise
  const address = addressValue(match[1]!, family);
  const hostBits = BigInt(widthOf(family) - bits);
  const first = (address >> hostBits) << hostBits;
  return {
    text: `${family === 4 ? match[1] : compressIpv6(address)}/${bits}`,
    family,
    first,
    last: first + (1n << hostBits) - 1n,
  };
}

/** True when two ranges share an address. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}

/** True when the address (no prefix) lies in the range. */
export function cidrContains(range: Cidr, address: string): boolean {
  const single = parseCidr(`${address}/${isIPv4(address) ? 32 : 128}`);
  return single !== undefined && cidrsOverlap(range, single);
}

function widthOf(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

function addressValue(address: string, family: 4 | 6): bigint {
  if (family === 4) return address.split('.').reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (tail !== null) {
    const low = addressValue(tail[2]!, 4);
    return addressValue(`${tail[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`, 6);
  }
  const [head = '', rest] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = rest === undefined || rest === '' ? [] : rest.split(':');
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

/** The longest run of two or more zero groups becomes `::`, the first one of equal runs (RFC 5952, section 4.2). */
function compressIpv6(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => (address >> BigInt(112 - 16 * index)) & 0xffffn);
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0n) length += 1;
    if (length > best.length) best = { start, length };
  }
  const text = groups.map((group) => group.toString(16));
  if (best.length === 1) return text.join(':');
  return `${text.slice(0, best.start).join(':')}::${text.slice(best.start + best.length).join(':')}`;
}
