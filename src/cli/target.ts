import { AirgapError } from '../core/errors.ts';
import { isRepositoryPath } from '../oci/reference.ts';
import type { PushTarget } from '../workflows/push-target.ts';
import type { Site } from '../workflows/site.ts';

/** Reads `HOST[:PORT][/PREFIX]`. Throws `E_USAGE` that says what is wrong with it. */
function parseTarget(text: string): { registry: string; prefix: string } {
  const rest = text.replace(/^docker:\/\//, '').replace(/\/+$/, '');
  const slash = rest.indexOf('/');
  const registry = slash < 0 ? rest : rest.slice(0, slash);
  const prefix = slash < 0 ? '' : rest.slice(slash + 1);
  const isHost = /^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/.test(registry);
  if (!isHost || rest.includes('://')) {
    throw new AirgapError('E_USAGE', `--registry ${JSON.stringify(text)}: ${JSON.stringify(registry)} is no host`, {
      hint: 'write HOST[:PORT][/PREFIX], without a scheme',
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
