import { compareText } from './catalog.ts';

/** A folder as `opm` hashes it. Paths are relative; parents need not be listed. */
export interface HashedFolder {
  readonly files: ReadonlyMap<string, () => Buffer>;
  readonly folderMode: number;
  readonly fileMode: number;
}

const BLOCK = 512;
const NAME_SIZE = 100;
const PREFIX_SIZE = 155;

/**
 * The digest with which `opm serve --cache-enforce-integrity` checks its cache: FNV-1a, 64 bits, in hex, over the folders
 * as tar archives of Go's archive/tar, without owners and times (operator-registry, package cache).
 */
export function cacheDigest(folders: readonly HashedFolder[]): string {
  const hash = fnv1a64();
  for (const folder of folders) {
    for (const block of archive(folder)) hash.update(block);
  }
  return hash.hex();
}

function* archive({ files, folderMode, fileMode }: HashedFolder): Generator<Buffer> {
  const folders = new Set(['.']);
  for (const path of files.keys()) {
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1))
      folders.add(path.slice(0, slash));
  }
  for (const path of [...folders, ...files.keys()].toSorted(compareWalk)) {
    const make = files.get(path);
    if (make === undefined) {
      yield* headerBlocks(path, 0, folderMode, '5');
      continue;
    }
    const content = make();
    yield* headerBlocks(path, content.length, fileMode, '0');
    yield content;
    yield Buffer.alloc(-content.length & (BLOCK - 1));
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** The order of a walk: the root, then names in order, each folder in front of what it holds. */
function compareWalk(a: string, b: string): number {
  if (a === '.' || b === '.') return a === b ? 0 : a === '.' ? -1 : 1;
  // "/" counts less than any other character, so that a folder's content follows it at once.
  return compareText(a.replaceAll('/', '\0'), b.replaceAll('/', '\0'));
}

function* headerBlocks(path: string, size: number, mode: number, type: string): Generator<Buffer> {
  const split = splitPath(path);
  if (split !== undefined) {
    yield headerBlock({ ...split, mode, size, type, hasDevice: true });
    return;
  }
  const record = paxRecord('path', path);
  const slash = path.lastIndexOf('/') + 1;
  const name = ascii(`${path.slice(0, slash)}PaxHeaders.0/${path.slice(slash)}`).slice(0, NAME_SIZE);
  yield headerBlock({ name, prefix: '', mode: 0, size: record.length, type: 'x', hasDevice: false });
  yield record;
  yield Buffer.alloc(-record.length & (BLOCK - 1));
  yield headerBlock({ name: ascii(path).slice(0, NAME_SIZE), prefix: '', mode, size, type, hasDevice: true });
}

interface Header {
  readonly name: string;
  readonly prefix: string;
  readonly mode: number;
  readonly size: number;
  readonly type: string;
  readonly hasDevice: boolean;
}

function headerBlock(header: Header): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(header.name, 0, 'latin1');
  block.write(octal(header.mode, 7), 100, 'latin1');
  block.write(octal(0, 7), 108, 'latin1');
  block.write(octal(0, 7), 116, 'latin1');
  block.write(octal(header.size, 11), 124, 'latin1');
  block.write(octal(0, 11), 136, 'latin1');
  block.write(header.type, 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  if (header.hasDevice) {
    block.write(octal(0, 7), 329, 'latin1');
    block.write(octal(0, 7), 337, 'latin1');
  }
  block.write(header.prefix, 345, 'latin1');
  block.fill(' ', 148, 156);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${octal(checksum, 6)}\0 `, 148, 'latin1');
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** Name and prefix of the old header; undefined when the path does not fit there. */
function splitPath(path: string): { name: string; prefix: string } | undefined {
  if (ascii(path) !== path) return undefined;
  if (path.length <= NAME_SIZE) return { name: path, prefix: '' };
  const slash = path.slice(0, PREFIX_SIZE + 1).lastIndexOf('/');
  const name = path.slice(slash + 1);
  if (slash <= 0 || name.length > NAME_SIZE || name === '') return undefined;
  return { name, prefix: path.slice(0, slash) };
}

function ascii(text: string): string {
  return [...text].filter((character) => character > '\0' && character < '\x80').join('');
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

/** In two halves of 32 bits: the prime is 2^40 + 0x1b3, and JavaScript numbers are exact up to 2^53. */
function fnv1a64(): { update(bytes: Buffer): void; hex(): string } {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  return {
    update(bytes) {
      let h = high;
      let l = low;
      for (let index = 0; index < bytes.length; index += 1) {
        l = (l ^ bytes[index]!) >>> 0;
        const product = l * 0x1b3;
        h = (Math.imul(h, 0x1b3) + Math.floor(product / 0x1_0000_0000) + (l << 8)) >>> 0;
        l = product >>> 0;
      }
      high = h;
      low = l;
    },
    hex: () => ((BigInt(high) << 32n) | BigInt(low)).toString(16).padStart(16, '0'),
  };
}
