import { provenanceAnnotations } from '../apply/resource-file.ts';
import { buildClusterResources, type ClusterResources } from '../apply/resources.ts';
import type { PlanFile } from '../mirror/plan-file.ts';
import type { PushTarget } from './push.ts';

export interface ResourceOptions {
  readonly target: PushTarget;
  /** Gives the content of a file the plan names (signatures, templates). */
  readonly readFile: (path: string) => Promise<Uint8Array>;
  /** RFC 3339; written into the annotations. */
  readonly createdAt: string;
  readonly version: string;
  readonly mirrorForm: 'sets' | 'policies';
}

/**
 * The cluster resources of a plan for a target registry: mirror sets, catalog sources, ClusterCatalogs, signature ConfigMap,
 * UpdateService. A function of the plan, its files and the options.
 */
export async function generateResources(plan: PlanFile, options: ResourceOptions): Promise<ClusterResources> {
  const host = targetBase(options.target);
  const at = (target: { readonly repository: string; readonly tag?: string | undefined }): string =>
    `${host}/${target.repository}:${target.tag}`;
  const images = plan.images.flatMap(({ kind, origin, target }) =>
    kind === 'signature' ? [] : [{ kind, origin, target: at(target) }],
  );
  const catalogs = await Promise.all(
    plan.catalogs.map(async (catalog) => {
      const template = catalog.template;
      if (template === undefined) return { target: at(catalog.target) };
      const text = Buffer.from(await options.readFile(template)).toString('utf8');
      return { target: at(catalog.target), template: { origin: template, text } };
    }),
  );
  const signatures = await Promise.all(
    plan.releases.flatMap(({ digest, signature }) =>
      signature === undefined ? [] : [options.readFile(signature).then((content) => ({ digest, content }))],
    ),
  );
  const graph = images.find((image) => image.kind === 'graphData');
  const release = images.find((image) => image.kind === 'release');
  return buildClusterResources({
    images,
    catalogs,
    signatures,
    ...(graph === undefined || release === undefined
      ? {}
      : { updateService: { graphDataImage: graph.target, releaseImage: release.target } }),
    mirrors: { repositoryScope: false, hostSources: 'narrow' },
    mirrorForm: options.mirrorForm,
    annotations: provenanceAnnotations({ createdAt: options.createdAt, version: options.version }),
  });
}

/** `host[:port][/prefix]`. */
export function targetBase({ registry, prefix }: PushTarget): string {
  return prefix === '' ? registry : `${registry}/${prefix}`;
}
