import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import { parseYaml } from '../core/yaml.ts';
import { repositoryName, parseReference } from '../oci/reference.ts';
import { CATALOG_OVERRIDES, catalogAnnotations } from './hosted-cluster-annotations.ts';
import { labelOf } from './hosted-cluster-flags.ts';
import { assertPublicSshKey, assertPullSecret } from './hosted-cluster-material.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import type { ImageContentSource } from './hosted-cluster-schema.ts';
import { readTrustBundle } from './trust-bundle.ts';

/** Contents of the files that the options of a hosted cluster name. */
export interface HostedClusterFiles {
  readonly pullSecret: Uint8Array;
  readonly sshPublicKey?: Uint8Array;
  readonly trustBundle?: string;
  readonly infraKubeconfig?: Uint8Array;
  readonly imageContentSources: readonly ImageContentSource[];
}

const imageContentSourcesSchema = z.array(
  z.strictObject({
    source: z.string().min(1).max(255),
    mirrors: z.array(z.string().min(1).max(255)).max(255).optional(),
  }),
);
/** Limit of the HostedCluster API. */
const MAX_SOURCES = 255;

/**
 * Reads and checks every file of a hosted cluster. `registries` are the repositories (or hosts) the pull secret must have
 * credentials for; empty where the registry lets everybody pull. Throws `E_CONFIG` naming the field, the file and the fix.
 */
export async function readHostedClusterFiles(
  options: HostedClusterOptions,
  registries: readonly string[],
): Promise<HostedClusterFiles> {
  const { pullSecretFile, sshKeyFile, additionalTrustBundleFile, imageContentSourcesFile, infraKubeconfigFile } =
    options;
  const pullSecret = await readField('pullSecretFile', pullSecretFile ?? '');
  assertPullSecret(pullSecret, pullSecretFile ?? '', registries);
  const sshPublicKey = sshKeyFile === undefined ? undefined : await readField('sshKeyFile', sshKeyFile);
  if (sshPublicKey !== undefined) assertPublicSshKey(sshPublicKey, sshKeyFile!);
  const trust = await readOptional('additionalTrustBundleFile', additionalTrustBundleFile);
  const sources = await readOptional('imageContentSourcesFile', imageContentSourcesFile);
  const infraKubeconfig = await readOptional('infraKubeconfigFile', infraKubeconfigFile);
  return {
    pullSecret,
    ...(sshPublicKey === undefined ? {} : { sshPublicKey }),
    ...(trust === undefined
      ? {}
      : {
          trustBundle: readTrustBundle(
            Buffer.from(trust).toString('utf8'),
            `${labelOf('additionalTrustBundleFile')}: ${additionalTrustBundleFile}`,
          ),
        }),
    ...(infraKubeconfig === undefined ? {} : { infraKubeconfig }),
    imageContentSources:
      sources === undefined
        ? []
        : parseImageContentSources(Buffer.from(sources).toString('utf8'), imageContentSourcesFile!),
  };
}

/**
 * Repositories hosted nodes pull from, by which the pull secret is checked: the mirrors, the release image unless a mirror stands in
 * for it, and catalog images named in annotations.
 */
export function requiredRepositories(
  options: Pick<HostedClusterOptions, 'releaseImage' | 'annotations' | 'imageContentSources'>,
  mirrors: readonly ImageContentSource[],
): string[] {
  const sources = [...options.imageContentSources, ...mirrors];
  const release = repositoryOf(options.releaseImage ?? '');
  const isMirrored = sources.some(({ source }) => release === source || release.startsWith(`${source}/`));
  const catalogs = catalogAnnotations(options.annotations)
    .filter((key) => key !== CATALOG_OVERRIDES)
    .map((key) => repositoryOf(options.annotations[key]!));
  const repositories = [
    ...sources.flatMap((entry) => entry.mirrors ?? []),
    ...(isMirrored || release === '' ? [] : [release]),
    ...catalogs,
  ];
  return [...new Set(repositories)];
}

function repositoryOf(reference: string): string {
  return reference === '' ? '' : repositoryName(parseReference(reference, { allowBare: true }));
}

/** Parses a YAML list of `{source, mirrors[]}`; throws `E_CONFIG` naming the file. */
export function parseImageContentSources(text: string, file: string): ImageContentSource[] {
  const parsed = imageContentSourcesSchema.max(MAX_SOURCES).safeParse(parseYaml(text, file));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const place = issue === undefined || issue.path.length === 0 ? '' : `: ${issue.path.join('.')}`;
  throw new AirgapError('E_CONFIG', `${labelOf('imageContentSourcesFile')}: ${file}${place}: ${issue?.message}`, {
    hint: 'write a YAML list of {source: <repository>, mirrors: [<repository>, …]}',
  });
}

async function readOptional(field: string, file: string | undefined): Promise<Uint8Array | undefined> {
  return file === undefined ? undefined : readField(field, file);
}

async function readField(field: string, file: string): Promise<Uint8Array> {
  const content = await readFile(file).catch((error: unknown) => {
    if (systemCodeOf(error) === undefined) throw error;
    throw new AirgapError('E_CONFIG', `${labelOf(field)}: ${file} can not be read`, {
      hint: 'name a file that exists and that this user may read',
      cause: error,
    });
  });
  if (content.length > 0) return content;
  throw new AirgapError('E_CONFIG', `${labelOf(field)}: ${file} is empty`, { hint: 'name the right file' });
}
