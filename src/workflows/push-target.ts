import { AirgapError } from '../core/errors.ts';
import { limitNesting } from '../mirror/target-name.ts';
import { isRepositoryPath } from '../oci/reference.ts';

/** Where a bundle goes. */
export interface PushTarget {
  /** `host[:port]`. */
  readonly registry: string;
  /** Path every repository is put below; empty for none. */
  readonly prefix: string;
  /** Most path components after the host; 0 (or absent) for no limit. Longer paths are joined with `-`. */
  readonly maxNestedPaths?: number | undefined;
}

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const HOST = new RegExp(String.raw`^(?:${LABEL}(?:\.${LABEL})*|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?$`);

/** Reads `HOST[:PORT][/PREFIX]`. Throws `E_USAGE` that says what is wrong with it. */
export function parseTarget(text: string): { readonly registry: string; readonly prefix: string } {
  const rest = text.replace(/^docker:\/\//, '').replace(/\/+$/, '');
  const slash = rest.indexOf('/');
  const registry = slash < 0 ? rest : rest.slice(0, slash);
  const prefix = slash < 0 ? '' : rest.slice(slash + 1);
  const match = HOST.exec(registry);
  const port = Number(match?.[1] ?? 1);
  if (match === null || port < 1 || port > 65_535 || rest.includes('://')) {
    throw new AirgapError('E_USAGE', `--registry ${JSON.stringify(text)}: ${JSON.stringify(registry)} is no host`, {
      hint: 'write HOST[:PORT][/PREFIX], without a scheme; a port is at most 65535',
    });
  }
  if (prefix !== '' && !isRepositoryPath(prefix)) {
    throw new AirgapError(
      'E_USAGE',
      `--registry ${JSON.stringify(text)}: ${JSON.stringify(prefix)} can not be a path in a registry`,
      {
        hint: 'use lower-case letters, digits and the separators ".", "_", "-" and "/"; give no tag',
      },
    );
  }
  return { registry, prefix };
}

/** `host[:port][/prefix]`. */
export function targetBase({ registry, prefix }: PushTarget): string {
  return prefix === '' ? registry : `${registry}/${prefix}`;
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
