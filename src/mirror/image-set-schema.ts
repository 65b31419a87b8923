import { z } from 'zod';

/**
 * Shape of an ImageSetConfiguration, `mirror.openshift.io/v2alpha1` (oc-mirror behaviour, "Configuration schema").
 * Missing and null fields read as the empty value, as the vendor tool reads them; what must not be empty is checked by
 * the rules afterwards. A list that means something else when absent (`packages`, `charts`) stays optional.
 */

const text = z.string().default('');
const optionalText = z.string().optional();
const flag = z.boolean().default(false);
const platforms = z.array(z.strictObject({ os: text, architecture: text })).optional();

const ChannelSchema = z.strictObject({
  name: text,
  type: text,
  minVersion: optionalText,
  maxVersion: optionalText,
  shortestPath: flag,
  full: flag,
});

const PlatformSchema = z.strictObject({
  graph: flag,
  channels: z.array(ChannelSchema).default([]),
  architectures: z.array(z.string()).default([]),
  platforms,
  release: text,
  kubeVirtContainer: flag,
});

const PackageChannelSchema = z.strictObject({
  name: text,
  minVersion: optionalText,
  maxVersion: optionalText,
});

const PackageSchema = z.strictObject({
  name: text,
  channels: z.array(PackageChannelSchema).optional(),
  defaultChannel: optionalText,
  minVersion: optionalText,
  maxVersion: optionalText,
});

const OperatorSchema = z.strictObject({
  catalog: text,
  packages: z.array(PackageSchema).optional(),
  full: flag,
  targetCatalog: optionalText,
  targetTag: optionalText,
  targetCatalogSourceTemplate: optionalText,
  skipDependencies: flag,
  platforms,
});

const AdditionalImageSchema = z.strictObject({
  name: text,
  targetRepo: optionalText,
  targetTag: optionalText,
  platforms,
});

const ChartSchema = z.strictObject({
  name: text,
  version: optionalText,
  path: optionalText,
  imagePaths: z.array(z.string()).default([]),
  platforms,
});

const HelmSchema = z.strictObject({
  repositories: z.array(z.strictObject({ url: text, name: text, charts: z.array(ChartSchema).optional() })).default([]),
  local: z.array(ChartSchema).default([]),
});

const NamedSchema = z.strictObject({ name: text });

/** The whole document. */
export const ImageSetSchema = z.strictObject({
  apiVersion: text,
  kind: text,
  archiveSize: z.number().int().optional(),
  mirror: z
    .strictObject({
      platform: PlatformSchema.optional(),
      operators: z.array(OperatorSchema).default([]),
      additionalImages: z.array(AdditionalImageSchema).default([]),
      helm: HelmSchema.optional(),
      blockedImages: z.array(NamedSchema).default([]),
      samples: z.array(NamedSchema).default([]),
    })
    .optional(),
});

export type ImageSetDocument = z.output<typeof ImageSetSchema>;

/** Keys of the former format, anywhere in the document, and what took their place. */
export const FORMER_KEYS: Readonly<Record<string, string>> = {
  storageConfig: 'the former format kept state in a storage; remove it, bundles need none',
  metadata: 'the configuration has no metadata; remove it',
  startingVersion: 'write minVersion',
  bundles: 'operator bundles are chosen by channel: write channels with minVersion and maxVersion',
  headsOnly: 'heads are what a package without versions gives; remove it, or write full: true for everything',
  targetName: 'write targetCatalog',
  originalRef: 'write catalog with an oci:// path',
  skipVerification: 'release signatures are always checked; remove it',
  ocp: 'write platform',
};
