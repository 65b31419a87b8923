/** Why an image is carried; decides its target name and what the cluster gets for it. */
export const IMAGE_KINDS = [
  'release',
  'releaseContent',
  'kubevirtDisk',
  'graphData',
  'catalog',
  'operatorBundle',
  'relatedImage',
  'additional',
  'helm',
  'signature',
] as const;

export type ImageKind = (typeof IMAGE_KINDS)[number];
