import compareVersions from 'semver/functions/compare.js';
import { AirgapError } from '../core/errors.ts';
import { formatCommentedYaml, type YamlComments } from '../core/yaml-comments.ts';
import { loadImageSet } from './image-set.ts';

/** What is asked to draft an ImageSetConfiguration for hosted control planes on KubeVirt. */
export interface DraftAnswers {
  /** Release channel, `stable-4.20`. */
  readonly channel: string;
  readonly minVersion?: string | undefined;
  readonly maxVersion?: string | undefined;
  readonly architectures: readonly string[];
  readonly graph: boolean;
  /** Operator packages. */
  readonly operators: readonly string[];
  /** Catalog image; absent: the vendor's for the minor version of the channel. */
  readonly catalog?: string | undefined;
}

export const DEFAULT_OPERATORS: readonly string[] = [
  'kubevirt-hyperconverged',
  'metallb-operator',
  'multicluster-engine',
  'lvms-operator',
];

/** Without these there is no hosted control plane on KubeVirt. */
const NEEDED_OPERATORS = ['kubevirt-hyperconverged', 'multicluster-engine'] as const;
/** The only architectures whose releases carry a KubeVirt disk image (oc-mirror behaviour, "KubeVirt container disk"). */
const ARCHITECTURES: readonly string[] = ['amd64', 's390x'];
/** The oldest release a hosted cluster can have (cluster behaviour, "Versions"). */
const OLDEST_MINOR = 14;
const CHANNEL = /^(stable|fast|candidate|eus)-(\d+)\.(\d+)$/;
const VERSION = /^(\d+)\.(\d+)\.\d+(?:-(?:rc|ec|fc)\.\d+)?$/;
const PACKAGE = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

/**
 * The configuration as commented YAML, which `plan` and `pack` accept as it is. `schema` is where editors find its JSON Schema.
 * Throws `E_USAGE` for answers no hosted cluster on KubeVirt can be made from.
 */
export function draftImageSet(answers: DraftAnswers, schema: string): string {
  const { minor } = checkAnswers(answers);
  const catalog = answers.catalog ?? `registry.redhat.io/redhat/redhat-operator-index:v${minor}`;
  const document = {
    apiVersion: 'mirror.openshift.io/v2alpha1',
    kind: 'ImageSetConfiguration',
    mirror: {
      platform: {
        architectures: [...answers.architectures],
        channels: [
          {
            name: answers.channel,
            type: 'ocp',
            ...(answers.minVersion === undefined ? {} : { minVersion: answers.minVersion }),
            ...(answers.maxVersion === undefined ? {} : { maxVersion: answers.maxVersion }),
          },
        ],
        kubeVirtContainer: true,
        graph: answers.graph,
      },
      operators: [{ catalog, packages: answers.operators.map((name) => ({ name })) }],
      additionalImages: [],
    },
  };
  const text = `# yaml-language-server: $schema=${schema}\n${formatCommentedYaml(document, commentsFor(answers))}`;
  loadImageSet(text, 'the draft');
  return text;
}

/** Throws `E_USAGE` for a channel that can not be; returns the minor version of its releases, `4.20`. */
export function checkChannel(channel: string): { readonly minor: string } {
  const [, kind, major, minor] = CHANNEL.exec(channel) ?? [];
  if (kind === undefined || major === undefined || minor === undefined) {
    throw refuse(`${JSON.stringify(channel)} is no release channel`, 'write for example stable-4.20');
  }
  if (Number(major) < 4 || (major === '4' && Number(minor) < OLDEST_MINOR)) {
    const oldest = `4.${OLDEST_MINOR}`;
    throw refuse(
      `hosted clusters on KubeVirt need release ${oldest} or newer, not ${major}.${minor}`,
      `write stable-${oldest} or newer`,
    );
  }
  if (kind === 'eus' && Number(minor) % 2 === 1) {
    throw refuse(
      `${channel} does not exist: only even versions have extended support`,
      `write stable-${major}.${minor}`,
    );
  }
  return { minor: `${major}.${minor}` };
}

function checkAnswers(answers: DraftAnswers): { readonly minor: string } {
  const { minor } = checkChannel(answers.channel);
  const { minVersion, maxVersion } = answers;
  for (const version of [minVersion, maxVersion])
    if (version !== undefined) checkVersion(version, answers.channel, minor);
  if (minVersion !== undefined && maxVersion !== undefined && compareVersions(minVersion, maxVersion) > 0) {
    throw refuse(`version ${minVersion} is above ${maxVersion}`, 'swap them, or correct one');
  }
  for (const architecture of answers.architectures) {
    if (ARCHITECTURES.includes(architecture)) continue;
    const hint = `choose ${ARCHITECTURES.join(' or ')}: releases for others have no KubeVirt disk image`;
    throw refuse(`hosted clusters on KubeVirt do not run on ${JSON.stringify(architecture)}`, hint);
  }
  if (answers.architectures.length === 0)
    throw refuse('no architecture is chosen', `choose ${ARCHITECTURES.join(' or ')}`);
  for (const name of answers.operators) {
    if (!PACKAGE.test(name))
      throw refuse(`${JSON.stringify(name)} is no operator package`, 'write its name in the catalog');
  }
  const missing = NEEDED_OPERATORS.filter((name) => !answers.operators.includes(name));
  if (missing.length > 0) {
    throw refuse(`hosted clusters on KubeVirt need the operator ${missing.join(' and ')}`, 'add it to the operators');
  }
  return { minor };
}

function checkVersion(version: string, channel: string, minor: string): void {
  const match = VERSION.exec(version);
  if (match === null)
    throw refuse(`${JSON.stringify(version)} is no release version`, `write X.Y.Z, for example ${minor}.1`);
  if (compareVersions(version, `${minor}.999999`) > 0) {
    throw refuse(`${version} can not be in channel ${channel}`, `choose the channel stable-${match[1]}.${match[2]}`);
  }
  const [major, oldest] = [4, OLDEST_MINOR];
  if (compareVersions(version, `${major}.${oldest}.0-0`) < 0) {
    throw refuse(
      `hosted clusters on KubeVirt need release ${major}.${oldest} or newer, not ${version}`,
      'choose a newer version',
    );
  }
}

function commentsFor(answers: DraftAnswers): YamlComments {
  const ranged = answers.minVersion !== undefined || answers.maxVersion !== undefined;
  return {
    apiVersion: [
      'What "airgap plan" shows and "airgap pack" takes: all that hosted control planes on KubeVirt need.',
      'A line "archiveSize: 4" splits the bundle into volumes of 4 GiB; so does pack --volume-size.',
    ],
    'mirror.platform': ['OpenShift releases, for the management cluster and for hosted clusters.'],
    'mirror.platform.channels': ranged
      ? ['All releases between these; with "shortestPath: true" only those an upgrade needs.']
      : ['The newest release of the channel. With minVersion and maxVersion ("4.20.3") all between them.'],
    'mirror.platform.kubeVirtContainer': ['The disk image that nodes of hosted clusters start from.'],
    'mirror.platform.graph': ['Upgrade data for the update service (OSUS) of the far side.'],
    'mirror.operators': [
      'The catalog is cut down to these packages, each with the newest version of its default channel.',
    ],
    'mirror.operators.packages': OPERATOR_PURPOSES.filter(([name]) => answers.operators.includes(name)).map(
      ([name, purpose]) => `${name}: ${purpose}`,
    ),
    'mirror.additionalImages': ['Further images, for example "- name: registry.access.redhat.com/ubi9/ubi:latest".'],
  };
}

const OPERATOR_PURPOSES: readonly (readonly [string, string])[] = [
  ['kubevirt-hyperconverged', 'OpenShift Virtualization, which runs the nodes'],
  ['metallb-operator', 'addresses for API and ingress where there is no load balancer'],
  ['multicluster-engine', 'hosted control planes'],
  ['lvms-operator', 'local storage for etcd and node disks'],
];

function refuse(message: string, hint: string): AirgapError {
  return new AirgapError('E_USAGE', message, { hint });
}
