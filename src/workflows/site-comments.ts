import type { YamlComments } from '../core/yaml-comments.ts';

/** The parts of a drafted site file that decide what is to be said in it. */
interface DraftedSite {
  readonly registry?: { readonly caFiles?: readonly string[] };
  readonly managementCluster: {
    readonly loadBalancer: { readonly install: boolean };
    readonly updateService?: object;
  };
  readonly hostedClusters: readonly Readonly<Record<string, unknown>>[];
}

/**
 * The comments of a drafted site file: what each part does, and further fields ready to be taken out of their comment.
 * `version` is the only release of the bundle, when there is only one.
 */
export function siteComments(site: DraftedSite, facts: { readonly version?: string | undefined }): YamlComments {
  const { loadBalancer, updateService } = site.managementCluster;
  return {
    apiVersion: [
      'What the far side is to look like: airgap unpack trip.tar --key release.pub --site site.yaml',
      'Everything but apiVersion and kind may be left out: what is not asked for is left as it is on the cluster.',
      'No secret is written here: files are named, relative to the folder airgap is started in. Flags win over this file.',
    ],
    ...registryComments(site),
    ...(site.registry === undefined ? { managementCluster: NO_REGISTRY } : {}),
    'managementCluster.storage': STORAGE,
    'managementCluster.virtualization': [
      'OpenShift Virtualization, which runs the nodes. install: false where it is there already. Operators also take',
      'channel, namespace, source, startingCSV, and approval: Automatic or Manual.',
    ],
    'managementCluster.loadBalancer': loadBalancer.install ? METALLB : NO_METALLB,
    'managementCluster.multiclusterEngine': [
      ...(updateService === undefined ? UPDATE_SERVICE : []),
      'Multicluster engine with hosted control planes. Also availability: High or Basic.',
    ],
    'managementCluster.ingress': [
      'A hosted cluster without a base domain is reached through wildcard routes of this cluster.',
    ],
    hostedClusters: [
      'One entry per hosted cluster. The fields are those of "hcp create cluster kubevirt"; the schema has them all.',
    ],
    ...hostedComments(site.hostedClusters[0] ?? {}, facts.version),
  };
}

/** The registry while nothing names it. */
const NO_REGISTRY: readonly string[] = [
  'The registry of the far side. Until it is named here, give --registry.',
  'registry:',
  '  target: registry.example.com:8443/ocp',
  '  caFiles: [registry-ca.pem]',
];

const STORAGE: readonly string[] = [
  'kubeconfig: management.kubeconfig # without it KUBECONFIG is used',
  'context: admin',
  'installedVersion: 4.19.9 # what the cluster runs: pack --site then fails unless every update on the way is inside',
  'A StorageClass that is there: the default one when none is named. LVM Storage makes one, lvms-vg1, from disks of the',
  'nodes; then write instead',
  'storage:',
  '  kind: lvms',
  '  install: true',
  '  deviceClasses: [{ name: vg1, paths: [/dev/disk/by-path/pci-0000:00:1f.2-ata-2] }]',
];

const METALLB: readonly string[] = [
  'MetalLB: every API server needs an address, and applications below a base domain one more. layer2 announces them by',
  'ARP and NDP.',
];

const NO_METALLB: readonly string[] = [
  'Only checks that something gives addresses: every API server needs one. For MetalLB write instead',
  'loadBalancer:',
  '  install: true',
  '  addressPools: [{ name: hosted, addresses: [192.0.2.10-192.0.2.40] }]',
  '  layer2: true',
];

const UPDATE_SERVICE: readonly string[] = [
  'OpenShift Update Service for the upgrade data; needs the operator cincinnati-operator in imageset.yaml.',
  'updateService: { install: true }',
];

function registryComments({ registry }: DraftedSite): YamlComments {
  if (registry === undefined) return {};
  const ca = 'Its CA. pack puts it into the bundle; the push, the cluster and hosted clusters trust it.';
  return {
    registry: ['The registry of the far side.'],
    'registry.target': [
      ...(registry.caFiles === undefined ? [ca, 'caFiles: [registry-ca.pem]'] : []),
      'authFile: auth.json # credentials; without it the usual places are looked at',
      'maxNestedPaths: 2 # for registries that allow few path components',
      'Where the images go: host[:port][/prefix].',
    ],
    ...(registry.caFiles === undefined ? {} : { 'registry.caFiles': [ca] }),
  };
}

function hostedComments(hosted: Readonly<Record<string, unknown>>, version: string | undefined): YamlComments {
  /** Said while the field is not in the file. */
  const unless = (field: string, ...lines: readonly string[]) => (field in hosted ? [] : lines);
  const release = version === undefined ? 'The newest release of the bundle' : `Release ${version} of the bundle`;
  return {
    'hostedClusters.name': ['Lower-case letters, digits and "-"; no other hosted cluster may have this name.'],
    'hostedClusters.pullSecretFile': [
      ...unless('releaseImage', `${release}, by digest on the target registry, unless named here.`),
      ...unless('releaseImage', 'releaseImage: registry.example.com:8443/ocp/openshift/release-images@sha256:…'),
      ...unless('sshKeyFile', 'sshKeyFile: id_ed25519.pub # lets its owner into the nodes'),
      'Credentials of the hosted cluster, for the target registry too when that wants a login.',
    ],
    'hostedClusters.nodePoolReplicas': [
      'additionalNodePools: [{ name: large, nodePoolReplicas: 1, cores: 8, memory: 32Gi }]',
      'Nodes, each a virtual machine.',
    ],
    'hostedClusters.rootVolumeSize': [
      ...unless('rootVolumeStorageClass', 'rootVolumeStorageClass: lvms-vg1 # else the default one'),
      'Disk of a node, GiB.',
    ],
    'hostedClusters.controlPlaneAvailabilityPolicy': ['HighlyAvailable: on three nodes. SingleReplica: on one.'],
    'hostedClusters.etcdStorageSize': unless('etcdStorageClass', 'etcdStorageClass: lvms-vg1 # else the default one'),
    'hostedClusters.clusterCidrs': [
      ...unless('baseDomain', 'baseDomain: lab.example.com # else the applications domain of the management cluster'),
      'Networks of pods and services. They overlap no network of the management cluster.',
    ],
    ...('baseDomain' in hosted
      ? { 'hostedClusters.baseDomain': ['"airgap status" says which DNS record to make: *.apps.<name>.<base domain>.'] }
      : {}),
  };
}
