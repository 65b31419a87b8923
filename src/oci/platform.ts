import type { Platform } from './types.ts';

/** `os/architecture[/variant]`. */
export function formatPlatform(platform: Platform): string {
  const base = `${platform.os}/${platform.architecture}`;
  return platform.variant === undefined ? base : `${base}/${platform.variant}`;
}

/** True when `platform` is one that was asked for: os and architecture equal, the variant only if one was named. */
export function matchesPlatform(platform: Platform, wanted: Platform): boolean {
  return (
    platform.os === wanted.os &&
    platform.architecture === wanted.architecture &&
    (wanted.variant === undefined || wanted.variant === platform.variant)
  );
}
