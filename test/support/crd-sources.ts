/** Where the real CRDs come from: files inside published Go modules, at exact versions. File name → path in the module. */
export interface CrdSource {
  readonly module: string;
  readonly files: Readonly<Record<string, string>>;
}

const CONFIG = 'config/v1/zz_generated.crd-manifests';
const MACHINE_CONFIG = 'machineconfiguration/v1/zz_generated.crd-manifests';
const HYPERSHIFT = 'cmd/install/assets/crds/hypershift-operator/zz_generated.crd-manifests';

export const CRD_SOURCES: readonly CrdSource[] = [
  {
    module: 'github.com/openshift/api@v0.0.0-20260813212709-d4bb0b443cb8',
    files: {
      clusterimagepolicies: `${CONFIG}/0000_10_config-operator_01_clusterimagepolicies.crd.yaml`,
      clusteroperators: `${CONFIG}/0000_00_cluster-version-operator_01_clusteroperators.crd.yaml`,
      clusterversions: `${CONFIG}/0000_00_cluster-version-operator_01_clusterversions-Default.crd.yaml`,
      dnses: `${CONFIG}/0000_10_config-operator_01_dnses-Default.crd.yaml`,
      images: `${CONFIG}/0000_10_config-operator_01_images.crd.yaml`,
      imagecontentpolicies: `${CONFIG}/0000_10_config-operator_01_imagecontentpolicies.crd.yaml`,
      imagedigestmirrorsets: `${CONFIG}/0000_10_config-operator_01_imagedigestmirrorsets.crd.yaml`,
      imagetagmirrorsets: `${CONFIG}/0000_10_config-operator_01_imagetagmirrorsets.crd.yaml`,
      infrastructures: `${CONFIG}/0000_10_config-operator_01_infrastructures-Default.crd.yaml`,
      ingresses: `${CONFIG}/0000_10_config-operator_01_ingresses-Default.crd.yaml`,
      networks: `${CONFIG}/0000_10_config-operator_01_networks-Default.crd.yaml`,
      operatorhubs: `${CONFIG}/0000_03_marketplace_01_operatorhubs.crd.yaml`,
      proxies: `${CONFIG}/0000_03_config-operator_01_proxies.crd.yaml`,
      imagecontentsourcepolicies:
        'operator/v1alpha1/zz_generated.crd-manifests/0000_10_config-operator_01_imagecontentsourcepolicies.crd.yaml',
      ingresscontrollers:
        'operator/v1/zz_generated.crd-manifests/0000_50_ingress_00_ingresscontrollers-Default.crd.yaml',
      controllerconfigs: `${MACHINE_CONFIG}/0000_80_machine-config_01_controllerconfigs-Default.crd.yaml`,
      machineconfigs: `${MACHINE_CONFIG}/0000_80_machine-config_01_machineconfigs.crd.yaml`,
      machineconfigpools: `${MACHINE_CONFIG}/0000_80_machine-config_01_machineconfigpools-SelfManagedHA.crd.yaml`,
      routes: 'route/v1/zz_generated.crd-manifests/routes.crd.yaml',
    },
  },
  {
    module: 'github.com/openshift/hypershift@v0.1.82',
    files: {
      hostedclusters: `${HYPERSHIFT}/hostedclusters-Hypershift-Default.crd.yaml`,
      hostedcontrolplanes: `${HYPERSHIFT}/hostedcontrolplanes-Hypershift-Default.crd.yaml`,
      nodepools: `${HYPERSHIFT}/nodepools-Default.crd.yaml`,
      controlplanecomponents: `${HYPERSHIFT}/controlplanecomponents.crd.yaml`,
    },
  },
  {
    module: 'github.com/operator-framework/api@v0.45.0',
    files: {
      catalogsources: 'crds/operators.coreos.com_catalogsources.yaml',
      clusterserviceversions: 'crds/operators.coreos.com_clusterserviceversions.yaml',
      installplans: 'crds/operators.coreos.com_installplans.yaml',
      operatorgroups: 'crds/operators.coreos.com_operatorgroups.yaml',
      subscriptions: 'crds/operators.coreos.com_subscriptions.yaml',
    },
  },
  {
    module: 'github.com/operator-framework/operator-controller@v1.11.0',
    files: {
      clustercatalogs: 'helm/olmv1/base/catalogd/crd/standard/olm.operatorframework.io_clustercatalogs.yaml',
    },
  },
  {
    module: 'open-cluster-management.io/api@v1.3.0',
    files: {
      addondeploymentconfigs: 'addon/v1alpha1/0000_02_addon.open-cluster-management.io_addondeploymentconfigs.crd.yaml',
      clustermanagementaddons:
        'addon/v1alpha1/0000_00_addon.open-cluster-management.io_clustermanagementaddons.crd.yaml',
      managedclusteraddons: 'addon/v1alpha1/0000_01_addon.open-cluster-management.io_managedclusteraddons.crd.yaml',
      managedclusters: 'cluster/v1/0000_00_clusters.open-cluster-management.io_managedclusters.crd.yaml',
    },
  },
  {
    module: 'github.com/stolostron/backplane-operator@v0.0.0-20250724195055-fb90af6051f4',
    files: { multiclusterengines: 'config/crd/bases/multicluster.openshift.io_multiclusterengines.yaml' },
  },
  {
    module: 'github.com/kubevirt/hyperconverged-cluster-operator@v1.7.0',
    files: { hyperconvergeds: 'deploy/crds/hco00.crd.yaml', kubevirts: 'deploy/crds/kubevirt00.crd.yaml' },
  },
  {
    module: 'go.universe.tf/metallb@v0.16.2',
    files: {
      bgpadvertisements: 'config/crd/bases/metallb.io_bgpadvertisements.yaml',
      bgppeers: 'config/crd/bases/metallb.io_bgppeers.yaml',
      ipaddresspools: 'config/crd/bases/metallb.io_ipaddresspools.yaml',
      l2advertisements: 'config/crd/bases/metallb.io_l2advertisements.yaml',
    },
  },
  {
    module: 'github.com/metallb/metallb-operator@v0.14.2',
    files: { metallbs: 'config/crd/bases/metallb.io_metallbs.yaml' },
  },
  {
    module: 'github.com/openshift/lvm-operator/v4@v4.20.0',
    files: { lvmclusters: 'config/crd/bases/lvm.topolvm.io_lvmclusters.yaml' },
  },
  {
    module: 'github.com/openshift/local-storage-operator@v0.0.0-20260630133617-4d174e9c9eff',
    files: { localvolumesets: 'config/manifests/stable/local.storage.openshift.io_localvolumesets.yaml' },
  },
  {
    module: 'github.com/red-hat-storage/ocs-operator@v0.4.13',
    files: { storageclusters: 'config/crd/bases/ocs.openshift.io_storageclusters.yaml' },
  },
  {
    module: 'github.com/openshift/cincinnati-operator@v1.0.2-0.20220126212014-b56cf3346609',
    files: { updateservices: 'config/crd/bases/updateservice.operator.openshift.io_updateservices.yaml' },
  },
];
