import type { PlanFileImage } from '../../mirror/plan-file.ts';

const KINDS: Readonly<Record<PlanFileImage['kind'], string>> = {
  release: 'release payload',
  releaseContent: 'component',
  kubevirtDisk: 'KubeVirt disk',
  graphData: 'update graph',
  catalog: 'catalog',
  operatorBundle: 'operator bundle',
  relatedImage: 'related image',
  additional: 'additional image',
  helm: 'chart image',
  signature: 'signature',
};

/** What an image is, in the words of people. */
export function kindTitle(kind: PlanFileImage['kind']): string {
  return KINDS[kind];
}

/** A short name: the component of a release, or the end of the reference. */
export function imageLabel(image: PlanFileImage): string {
  if (image.kind === 'release') return 'release payload';
  const component = image.because.findLast((reason) => reason.startsWith('component '));
  if (image.kind === 'releaseContent' && component !== undefined) return component.slice('component '.length);
  const short = withoutDigest(image.origin).split('/').at(-1)!;
  if (image.kind === 'kubevirtDisk') return 'KubeVirt disk';
  return image.kind === 'signature' ? `signature of ${short}` : short;
}

/** A reference without its digest, which stands elsewhere. */
export function withoutDigest(reference: string): string {
  const at = reference.indexOf('@');
  return at > 0 ? reference.slice(0, at) : reference;
}
