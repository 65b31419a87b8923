import { limitNesting } from '../mirror/target-name.ts';

/** Where a bundle goes. */
export interface PushTarget {
  /** `host[:port]`. */
  readonly registry: string;
  /** Path every repository is put below; empty for none. */
  readonly prefix: string;
  /** Most path components after the host; 0 (or absent) for no limit. Longer paths are joined with `-`. */
  readonly maxNestedPaths?: number | undefined;
}

/** The path of a planned repository in the target registry, without the host. */
export function targetPath(target: PushTarget, repository: string): string {
  const path = target.prefix === '' ? repository : `${target.prefix}/${repository}`;
  return target.maxNestedPaths === undefined || target.maxNestedPaths === 0
    ? path
    : limitNesting(path, target.maxNestedPaths);
}

/** The same with the host. */
export function targetRepository(target: PushTarget, repository: string): string {
  return `${target.registry}/${targetPath(target, repository)}`;
}
