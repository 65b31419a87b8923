import { z } from 'zod';
import { AirgapError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { formatYaml } from '../core/yaml.ts';
import type { HostedClusterOptions } from './hosted-cluster-options.ts';
import type { ImageContentSource } from './hosted-cluster-schema.ts';
import { subjectOf, textMapAt, type KubeObject } from './kube-object.ts';

type Identity = Pick<HostedClusterOptions, 'name' | 'namespace'>;

/** Later than the files of the operators: of two tables for one source the later file's counts. */
const FILE = '/etc/containers/registries.conf.d/99-airgap-tag-mirrors.conf';
/** What a NodePool reads of a ConfigMap. */
const CONFIG_KEY = 'config';
/** The tag mirrors as data, for the next run. */
const ENTRIES_KEY = 'tagMirrors';

/** Name of the ConfigMap with the tag mirrors of a hosted cluster's nodes. */
export function tagMirrorsName({ name }: Identity): string {
  return `${name}-tag-mirrors`;
}

/**
 * Machine configuration with mirrors for pulls by tag, which a HostedCluster has no field for: its `imageContentSources` are for
 * pulls by digest only. (Cluster behaviour, "Mirror propagation into the hosted cluster".)
 */
export function buildTagMirrors(
  cluster: Identity,
  byTag: readonly ImageContentSource[],
  byDigest: readonly ImageContentSource[],
): KubeObject {
  const source = `data:text/plain;charset=utf-8;base64,${Buffer.from(tagMirrorFile(byTag, byDigest)).toString('base64')}`;
  const machineConfig = {
    apiVersion: 'machineconfiguration.openshift.io/v1',
    kind: 'MachineConfig',
    metadata: {
      name: '99-airgap-tag-mirrors',
      labels: { 'machineconfiguration.openshift.io/role': 'worker' },
    },
    spec: {
      config: {
        ignition: { version: '3.2.0' },
        storage: { files: [{ path: FILE, mode: 0o644, overwrite: true, contents: { source } }] },
      },
    },
  };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: tagMirrorsName(cluster), namespace: cluster.namespace },
    data: { [CONFIG_KEY]: formatYaml(machineConfig), [ENTRIES_KEY]: JSON.stringify(byTag) },
  };
}

const EntriesSchema = z.array(z.strictObject({ source: z.string(), mirrors: z.array(z.string()).optional() }));

/** The tag mirrors an earlier run has written; empty when there are none. Throws `E_CONFIG` when somebody changed them into something else. */
export function readTagMirrors(configMap: KubeObject | undefined): readonly ImageContentSource[] {
  const text = textMapAt(configMap, 'data')[ENTRIES_KEY];
  if (configMap === undefined || text === undefined) return [];
  const parsed = EntriesSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new AirgapError('E_CONFIG', `${subjectOf(configMap)}: ${ENTRIES_KEY} holds no list of mirrors`, {
    hint: 'restore it from a backup, or delete it: then only the tag mirrors of this bundle are written',
  });
}

/**
 * A drop-in of registries.conf with mirrors for pulls by tag. A table replaces that of the same source in the main file, and only
 * the table with the longest source counts for an image: so each also has the mirrors for pulls by digest, and sources below
 * one with tag mirrors have a table, too. (containers-registries.conf, "Remapping and mirroring registries".)
 */
export function tagMirrorFile(byTag: readonly ImageContentSource[], byDigest: readonly ImageContentSource[]): string {
  const below = byDigest.filter(({ source }) => mirrorsFor(source, byTag).length > 0);
  const sources = [...new Set([...byTag, ...below].map(({ source }) => source))].toSorted();
  const table = (source: string): string[] => [
    '[[registry]]',
    `location = ${JSON.stringify(source)}`,
    ...mirrorsFor(source, byDigest).flatMap((mirror) => mirrorTable(mirror, 'digest-only')),
    ...mirrorsFor(source, byTag).flatMap((mirror) => mirrorTable(mirror, 'tag-only')),
    '',
  ];
  return ['# Made by airgap: mirrors for pulls by tag.', '', ...sources.flatMap(table)].join('\n');
}

/** Mirrors of the entry with the longest source that covers a repository, continued by what is below that source. */
function mirrorsFor(repository: string, entries: readonly ImageContentSource[]): readonly string[] {
  const entry = entries
    .filter(({ source }) => repository === source || repository.startsWith(`${source}/`))
    .toSorted((a, b) => b.source.length - a.source.length)[0];
  return (entry?.mirrors ?? []).map((mirror) => `${mirror}${repository.slice(entry!.source.length)}`);
}

function mirrorTable(location: string, pulls: 'digest-only' | 'tag-only'): string[] {
  return ['[[registry.mirror]]', `location = ${JSON.stringify(location)}`, `pull-from-mirror = "${pulls}"`];
}
