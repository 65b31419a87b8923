import { isAirgapError } from '../core/errors.ts';
import { listAt, splitApiVersion, textAt, valueAt } from './kube-object.ts';

/** Where and how the cluster serves a kind. */
export interface KindInfo {
  /** `/api/v1` or `/apis/GROUP/VERSION`. */
  readonly root: string;
  readonly plural: string;
  readonly isNamespaced: boolean;
  readonly verbs: readonly string[];
}

export interface Discovery {
  /** Undefined when the API or the kind is not served (now: operators bring APIs during a run, so absence is asked again). */
  kind(read: (path: string) => Promise<string>, apiVersion: string, kind: string): Promise<KindInfo | undefined>;
}

/** Names and scopes of kinds, read once per API version (Kubernetes API, "API discovery"). Plurals are never guessed. */
export function createDiscovery(): Discovery {
  const known = new Map<string, KindInfo>();
  return {
    async kind(read, apiVersion, kind) {
      const key = `${apiVersion} ${kind}`;
      const cached = known.get(key);
      if (cached !== undefined) return cached;
      const { group } = splitApiVersion(apiVersion);
      const root = group === '' ? `/api/${apiVersion}` : `/apis/${apiVersion}`;
      for (const resource of await resourcesAt(read, root)) {
        const name = textAt(resource, 'name');
        const itsKind = textAt(resource, 'kind');
        // Subresources (`pods/status`) are listed beside the kinds.
        if (name === undefined || itsKind === undefined || name.includes('/')) continue;
        known.set(`${apiVersion} ${itsKind}`, {
          root,
          plural: name,
          isNamespaced: valueAt(resource, 'namespaced') === true,
          verbs: listAt(resource, 'verbs').map(String),
        });
      }
      return known.get(key);
    },
  };
}

async function resourcesAt(read: (path: string) => Promise<string>, root: string): Promise<readonly unknown[]> {
  try {
    return listAt(JSON.parse(await read(root)), 'resources');
  } catch (error) {
    if (!isAirgapError(error, 'E_NOT_FOUND')) throw error;
    return [];
  }
}
