import { createHash } from 'node:crypto';
import type { Digest } from '../oci/digest.ts';
import { repositoryName, type ImageRef } from '../oci/reference.ts';
import type { CatalogSelection, PackageChannel, PackageSelection } from './image-set.ts';

/**
 * The tag under which the vendor tool keeps the rebuilt form of a catalog: MD5 (32 hex digits) of the selection as compact
 * JSON with the catalog pinned to `digest`. What only names the target has no influence; the order of packages and
 * channels has. (oc-mirror behaviour, "Filter hash".)
 */
export function filterHash(selection: CatalogSelection, ref: ImageRef, digest: Digest): string {
  const name = ref.transport === 'oci' ? ref.repository : repositoryName(ref);
  const hashed = {
    packages: selection.packages === undefined ? null : selection.packages.map((one) => packageFields(one)),
    catalog: `${name}@${digest}`,
    ...(selection.full ? { full: true } : {}),
    ...(selection.skipDependencies ? { skipDependencies: true } : {}),
    ...(selection.platforms?.length
      ? { platforms: selection.platforms.map(({ os, architecture }) => ({ os, architecture })) }
      : {}),
  };
  return createHash('md5').update(goJson(hashed)).digest('hex');
}

function packageFields(one: PackageSelection): Record<string, unknown> {
  return {
    name: one.name,
    ...(one.channels?.length ? { channels: one.channels.map((channel) => channelFields(channel)) } : {}),
    ...(one.defaultChannel ? { defaultChannel: one.defaultChannel } : {}),
    ...rangeFields(one),
  };
}

function channelFields(channel: PackageChannel): Record<string, unknown> {
  return { name: channel.name, ...rangeFields(channel) };
}

function rangeFields(range: { readonly minVersion?: string | undefined; readonly maxVersion?: string | undefined }) {
  return {
    ...(range.minVersion ? { minVersion: range.minVersion } : {}),
    ...(range.maxVersion ? { maxVersion: range.maxVersion } : {}),
  };
}

/** Compact JSON with the escapes of Go's encoder: `<`, `>`, `&` and the two line separators. */
function goJson(value: unknown): string {
  const escaped = /[<>&\u2028\u2029]/g;
  return JSON.stringify(value).replace(
    escaped,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
