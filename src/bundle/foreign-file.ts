import { quoteForeign } from '../core/quote.ts';
import { BLOCK, paddedSize } from './layout.ts';
import { MANIFEST_PATH } from './paths.ts';

/** What a file is that is no bundle, and what to do with it. */
export interface ForeignFile {
  readonly message: string;
  readonly hint: string;
}

/** As much as is looked at, from the front: enough for the first names of an archive, nothing for a hostile one to grow in. */
export const FOREIGN_HEAD_BYTES = 64 * 1024;

const COMPRESSED = 'a bundle is never compressed: if this was one, use the file inside';

/** First bytes of formats that are no tar. */
const MAGICS: readonly (readonly [hex: string, what: string, hint: string])[] = [
  ['1f8b', 'a gzip file', `${COMPRESSED} (gzip -d)`],
  [
    '28b52ffd',
    'a zstd file',
    `${COMPRESSED} (zstd -d); packages of zarf and stores of hauler (.tar.zst) are for those programs alone`,
  ],
  ['fd377a585a00', 'an xz file', `${COMPRESSED} (xz -d)`],
  ['425a68', 'a bzip2 file', `${COMPRESSED} (bzip2 -d)`],
  ['504b0304', 'a zip file', `${COMPRESSED} (unzip)`],
];

const TO_BUNDLE = 'for a bundle, push it to a registry and name it under additionalImages of airgap pack';

/** Names in tar archives of other programs. The first rule that one of the first names matches says whose it is. */
const TAR_RULES: readonly (readonly [name: RegExp, what: string, hint: string])[] = [
  [
    /^(docker\/registry\/v2|working-dir)\//,
    'an archive of oc-mirror',
    'oc-mirror reads it (--from); for a bundle, give its ImageSetConfiguration to airgap pack',
  ],
  [
    /^sha256-[0-9a-f]{64}\.tar\.gz$/,
    'an archive of imgpkg',
    `imgpkg reads it (imgpkg copy --tar FILE --to-repo HOST/NAME); ${TO_BUNDLE}`,
  ],
  [
    /^(oci-layout$|index\.json$|blobs\/)/,
    'an OCI archive of images',
    `skopeo reads it (skopeo copy --all oci-archive:FILE docker://HOST/NAME:TAG); ${TO_BUNDLE}`,
  ],
  [
    /^(manifest\.json|repositories|(sha256:)?[0-9a-f]{64}(\.tar|\.tar\.gz|\.json|\/.*)?)$/,
    'an archive of docker save',
    `skopeo reads it (skopeo copy docker-archive:FILE docker://HOST/NAME:TAG); ${TO_BUNDLE}`,
  ],
];

/**
 * Says what the first bytes of a file that is no bundle look like; undefined when they tell nothing. A help for people
 * and never a decision: the file is refused whatever this finds, and nothing in it is believed.
 */
export function recognizeForeign(head: Buffer): ForeignFile | undefined {
  const magic = MAGICS.find(([hex]) => head.subarray(0, hex.length / 2).equals(Buffer.from(hex, 'hex')));
  if (magic !== undefined) return { message: messageFor(magic[1]), hint: magic[2] };
  const names = firstNames(head);
  if (names.includes(MANIFEST_PATH)) {
    return {
      message:
        'these are the files of an airgap bundle, but damaged at the beginning or packed again by another program',
      hint: 'use the file as airgap wrote it: copy it again',
    };
  }
  for (const [pattern, what, hint] of TAR_RULES) {
    const name = names.find((candidate) => pattern.test(candidate));
    if (name !== undefined) return { message: messageFor(`${what} (it holds ${quoteForeign(name)})`), hint };
  }
  const [first] = names;
  if (first === undefined) return undefined;
  return {
    message: messageFor(`a tar archive of something else (it begins with ${quoteForeign(first)})`),
    hint: 'name the file that airgap pack wrote',
  };
}

function messageFor(what: string): string {
  return `this is ${what}, not an airgap bundle`;
}

/** Names of the entries whose headers lie within `head`; none when it does not begin like a tar. */
function firstNames(head: Buffer): readonly string[] {
  const names: string[] = [];
  for (let at = 0; at + BLOCK <= head.length;) {
    const header = head.subarray(at, at + BLOCK);
    // ustar of POSIX and of GNU.
    if (header.toString('latin1', 257, 262) !== 'ustar') break;
    const octal = /^ *([0-7]+)[ \0]*$/.exec(header.toString('latin1', 124, 136));
    const type = header.toString('latin1', 156, 157);
    // Records about the entry that follows (pax, GNU long names) have names nobody gave.
    if (!/[xgLK]/.test(type) && nameIn(header) !== '') names.push(nameIn(header));
    // A size in another form is larger than the head.
    if (octal === null) break;
    at += BLOCK + paddedSize(Number.parseInt(octal[1]!, 8));
  }
  return names;
}

function nameIn(header: Buffer): string {
  const field = (from: number, to: number): string => header.toString('latin1', from, to).replace(/\0[^]*$/, '');
  // GNU keeps other things where POSIX has the prefix.
  const prefix = header[262] === 0 ? field(345, 500) : '';
  return (prefix === '' ? field(0, 100) : `${prefix}/${field(0, 100)}`).replace(/^\.\//, '');
}
