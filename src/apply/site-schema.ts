import { z } from 'zod';
import { poolSize } from './address-pool.ts';

/**
 * The site file's `managementCluster` section. Strict: a key nobody reads is an error naming its path. Every operator has its own
 * `install`; an absent section leaves the cluster as it is.
 */

const namespaceName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'not a namespace name')
  .max(63);
const objectName = z
  .string()
  .regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, 'not an object name')
  .max(253);

/** What every operator installed through OLM may be told. */
const operatorFields = {
  install: z.boolean(),
  channel: z.string().min(1).optional(),
  namespace: namespaceName.optional(),
  /** CatalogSource to install from; absent: the one of this bundle that has the package. */
  source: objectName.optional(),
  startingCSV: z.string().min(1).optional(),
  approval: z.enum(['Automatic', 'Manual']).default('Automatic'),
};

const OperatorSchema = z.strictObject(operatorFields);

const LvmSchema = z.strictObject({
  ...operatorFields,
  deviceClasses: z
    .array(
      z.strictObject({
        name: objectName.default('vg1'),
        default: z.boolean().default(true),
        fstype: z.enum(['xfs', 'ext4']).default('xfs'),
        /** Devices on every node; without them all unused disks would be taken, which must be asked for. */
        paths: z.array(z.string().startsWith('/dev/')).default([]),
        optionalPaths: z.array(z.string().startsWith('/dev/')).default([]),
        useAllUnusedDisks: z.boolean().default(false),
        forceWipeDevicesAndDestroyAllData: z.boolean().default(false),
        thinPool: z
          .strictObject({
            name: z.string().default('thin-pool-1'),
            sizePercent: z.number().int().min(10).max(100).default(90),
            overprovisionRatio: z.number().int().min(1).default(10),
          })
          .prefault({}),
        nodeSelector: z.looseObject({}).optional(),
      }),
    )
    .min(1)
    .refine(
      (classes) => classes.filter((entry) => entry.default).length === 1,
      'exactly one device class is the default',
    )
    .refine(
      (classes) =>
        classes.every((entry) => entry.useAllUnusedDisks !== entry.paths.length + entry.optionalPaths.length > 0),
      'give paths, or useAllUnusedDisks: true without paths',
    ),
});

const StorageSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('existing'), storageClass: objectName.optional() }),
  z.strictObject({ kind: z.literal('lvms'), ...LvmSchema.shape }),
  z.strictObject({
    kind: z.literal('odf'),
    ...operatorFields,
    /** `spec` of the StorageCluster, as its operator documents it. */
    storageCluster: z.looseObject({}),
  }),
]);

const NO_RANGE = 'neither CIDR nor first-last, the lower address first';

/** `192.0.2.0/28` or `192.0.2.10-192.0.2.20`. */
export const AddressRangeSchema = z
  .string()
  .regex(/^[0-9a-fA-F:.]+(\/\d+|-[0-9a-fA-F:.]+)$/, NO_RANGE)
  .refine((entry) => poolSize(entry) !== undefined, NO_RANGE);

const AddressPoolSchema = z.strictObject({
  name: objectName,
  addresses: z.array(AddressRangeSchema).min(1),
  autoAssign: z.boolean().default(true),
});

const LoadBalancerSchema = z.strictObject({
  ...operatorFields,
  addressPools: z.array(AddressPoolSchema).default([]),
  /** Announce the pools by ARP and NDP. */
  layer2: z.boolean().default(true),
});

const MulticlusterEngineSchema = z.strictObject({
  ...operatorFields,
  availability: z.enum(['High', 'Basic']).optional(),
  /** Flags of the HyperShift operator's installation, beside those an air gap needs. */
  installFlagsToAdd: z.array(z.string().startsWith('--')).default([]),
  installFlagsToRemove: z.array(z.string().startsWith('--')).default([]),
});

export const ManagementClusterSchema = z.strictObject({
  kubeconfig: z.string().min(1).optional(),
  context: z.string().min(1).optional(),
  /** Release the cluster runs: what is packed for the site then has every update on the way from it. */
  installedVersion: z
    .string()
    .regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, 'not a version, e.g. "4.19.9"')
    .optional(),
  registryTrust: z
    .strictObject({
      /** ConfigMap for the registry CA when `image.config` names none yet. */
      configMap: objectName.default('registry-config'),
      /** Add the registry's credentials to the cluster's pull secret. */
      pullSecret: z.boolean().default(true),
    })
    .prefault({}),
  catalogs: z
    .strictObject({
      /** Turn off the catalogs that point to public registries. */
      disableDefaultSources: z.boolean().default(true),
    })
    .prefault({}),
  storage: StorageSchema.optional(),
  virtualization: OperatorSchema.optional(),
  loadBalancer: LoadBalancerSchema.optional(),
  multiclusterEngine: MulticlusterEngineSchema.optional(),
  updateService: OperatorSchema.optional(),
  ingress: z
    .strictObject({
      /** Admit wildcard routes, which hosted clusters without a base domain of their own need. */
      wildcardRoutes: z.boolean(),
    })
    .optional(),
});

export type ManagementCluster = z.infer<typeof ManagementClusterSchema>;
export type OperatorChoice = z.infer<typeof OperatorSchema>;
export type StorageChoice = z.infer<typeof StorageSchema>;
export type LoadBalancerChoice = z.infer<typeof LoadBalancerSchema>;
export type MulticlusterEngineChoice = z.infer<typeof MulticlusterEngineSchema>;
