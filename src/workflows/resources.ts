import { provenanceAnnotations } from '../apply/resource-file.ts';
import { buildClusterResources, type ClusterResources } from '../apply/resources.ts';
import type { PlanFile } from '../mirror/plan-file.ts';
import type { MirrorOptions } from '../apply/mirror-entry.ts';
import { targetRepository, type PushTarget } from './push-target.ts';

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
 * UpdateService. What was planned and is not among the images (blocked, or a gap) is named by none of them. A function of the
 * plan, its files and the options.
 */
export async function generateResources(plan: PlanFile, options: ResourceOptions): Promise<ClusterResources> {
  const at = (target: { readonly repository: string; readonly tag?: string | undefined }): string =>
    `${targetRepository(options.target, target.repository)}:${target.tag}`;
  const images = plan.images.flatMap(({ kind, origin, target }) =>
    kind === 'signature' ? [] : [{ kind, origin, target: at(target) }],
  );
  const taken = new Set(plan.images.map((image) => `${image.kind} ${image.target.repository}:${image.target.tag}`));
  const catalogs = await Promise.all(
    plan.catalogs
      .filter((catalog) => taken.has(`catalog ${catalog.target.repository}:${catalog.target.tag}`))
      .map(async (catalog) => {
        const template = catalog.template;
        if (template === undefined) return { target: at(catalog.target) };
        const text = Buffer.from(await options.readFile(template)).toString('utf8');
        return { target: at(catalog.target), template: { origin: template, text } };
      }),
  );
  const payloads = new Set(plan.images.filter(({ kind }) => kind === 'release').map(({ digest }) => digest));
  const signatures = await Promise.all(
    plan.releases.flatMap(({ digest, signature }) =>
      signature === undefined || !payloads.has(digest)
        ? []
        : [options.readFile(signature).then((content) => ({ digest, content }))],
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
    mirrors: mirrorOptionsFor(options.target),
    mirrorForm: options.mirrorForm,
    annotations: provenanceAnnotations({ createdAt: options.createdAt, version: options.version }),
  });
}

/** Sources are always below a host (HyperShift passes over bare hosts); flattened paths need whole repositories. */
export function mirrorOptionsFor(target: PushTarget): MirrorOptions {
  return { repositoryScope: (target.maxNestedPaths ?? 0) > 0, hostSources: 'narrow' };
}
