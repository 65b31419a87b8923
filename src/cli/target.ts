import { AirgapError } from '../core/errors.ts';
import { parseTarget, type PushTarget } from '../workflows/push-target.ts';
import type { Site } from '../workflows/site.ts';

/** The target flags or the site file name, flags first. Throws `E_USAGE` when neither does. */
export function siteTarget(flag: string | undefined, site: Site['registry'], maxNestedPaths?: number): PushTarget {
  const text = flag ?? site?.target;
  if (text === undefined) {
    throw new AirgapError('E_USAGE', 'nothing says where the images go', {
      hint: 'give --registry HOST[:PORT][/PREFIX], or registry.target in the site file',
    });
  }
  return { ...parseTarget(text), maxNestedPaths: maxNestedPaths ?? site?.maxNestedPaths };
}

/** The CA files of the site's registry, for that registry. */
export function siteCaBundles(site: Site | undefined): string[] {
  const registry = site?.registry;
  if (registry === undefined) return [];
  return registry.caFiles.map((file) => `${siteTarget(undefined, registry).registry}=${file}`);
}
