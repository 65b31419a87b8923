import * as Flags from '@oclif/core/flags';
import { KEYLESS_PRIVACY } from '../bundle/keyless-options.ts';

/** Connections over all workers; more than these only burden registries. */
const MAX_CONCURRENCY = 16;

/** Flags of every command that talks to a registry. */
export const registryFlags = {
  authfile: Flags.string({
    helpGroup: 'REGISTRY',
    helpValue: 'FILE',
    description: 'credentials (Docker or Podman form); else REGISTRY_AUTH_FILE and the usual places',
  }),
  'ca-file': Flags.string({
    helpGroup: 'REGISTRY',
    helpValue: 'FILE',
    multiple: true,
    multipleNonGreedy: true,
    description: 'CA certificates to trust for registries, beside those of the system',
  }),
  insecure: Flags.string({
    helpGroup: 'REGISTRY',
    helpValue: 'HOST[:PORT]',
    multiple: true,
    multipleNonGreedy: true,
    description: 'accept any certificate, or plain HTTP, from this registry',
  }),
  concurrency: Flags.integer({
    helpGroup: 'REGISTRY',
    min: 1,
    max: MAX_CONCURRENCY,
    description: 'connections at once, 8 by default',
  }),
};

/** What to take. */
export const planFlags = {
  config: Flags.string({ char: 'c', required: true, helpValue: 'FILE', description: 'the ImageSetConfiguration' }),
  'allow-gaps': Flags.boolean({
    description: 'leave out images that can not be read and list them in the bundle, instead of failing',
  }),
  'allow-missing-signatures': Flags.boolean({
    description: 'take release images without the signatures their clusters demand',
  }),
  lock: Flags.string({ helpValue: 'FILE', description: 'take exactly what this airgap.lock says, or fail' }),
  installed: Flags.string({
    helpGroup: 'RELEASE',
    helpValue: 'VERSION',
    description:
      'version of the cluster: fail unless every update on its way to the newest selected release is inside; else installedVersion of the site file',
  }),
  'allow-unknown-names': Flags.boolean({
    description: 'leave out packages and channels their catalog does not have, with a warning, instead of failing',
  }),
  'allow-unmirrored': Flags.boolean({
    description: 'take operators whose resources name images that no mirror set covers, with a warning',
  }),
  'graph-url': Flags.string({
    helpGroup: 'RELEASE',
    helpValue: 'URL',
    description: 'update service to ask instead of the public one; else UPDATE_URL_OVERRIDE',
  }),
  'okd-graph-url': Flags.string({
    helpGroup: 'RELEASE',
    helpValue: 'URL',
    description: 'the same for channels of type okd',
  }),
  'signature-url': Flags.string({
    helpGroup: 'RELEASE',
    helpValue: 'URL',
    description: 'where release signatures are published; else OCP_SIGNATURE_URL',
  }),
  'release-key': Flags.string({
    helpGroup: 'RELEASE',
    helpValue: 'FILE',
    description: 'armoured OpenPGP key of the releases instead of the built-in one; else OCP_SIGNATURE_VERIFICATION_PK',
  }),
};

/** Target registries that allow few path components. */
export const nestingFlag = {
  'max-nested-paths': Flags.integer({
    helpValue: 'N',
    min: 0,
    description: 'most path components after the host: longer ones are joined with "-"; 0 for no limit',
  }),
};

/** Whom to trust: exactly one way per run (signing, "Command line"). */
export const trustFlags = {
  key: Flags.string({
    helpGroup: 'TRUST',
    helpValue: 'FILE',
    multiple: true,
    multipleNonGreedy: true,
    description: 'public key whose signature is accepted',
  }),
  threshold: Flags.integer({ helpGroup: 'TRUST', min: 1, default: 1, description: 'distinct signers needed' }),
  signature: Flags.string({
    helpGroup: 'TRUST',
    helpValue: 'FILE',
    multiple: true,
    multipleNonGreedy: true,
    description: 'detached signature, counted beside those inside',
  }),
  'certificate-identity': Flags.string({
    helpGroup: 'TRUST',
    helpValue: 'NAME',
    description: 'identity of a keyless signer, compared exactly',
  }),
  'certificate-identity-regexp': Flags.string({
    helpGroup: 'TRUST',
    helpValue: 'RE',
    description: 'the same as an expression that matches the whole identity',
  }),
  'certificate-oidc-issuer': Flags.string({
    helpGroup: 'TRUST',
    helpValue: 'URL',
    description: 'issuer of that identity, compared exactly',
  }),
  'certificate-oidc-issuer-regexp': Flags.string({
    helpGroup: 'TRUST',
    helpValue: 'RE',
    description: 'the same as an expression that matches the whole issuer',
  }),
  'trusted-root': Flags.string({
    helpGroup: 'TRUST',
    helpValue: 'FILE',
    description: 'Sigstore trusted root (never taken from a bundle)',
  }),
  'trusted-root-sha256': Flags.string({ helpGroup: 'TRUST', helpValue: 'HEX', description: 'its expected sha256' }),
  'require-tlog': Flags.boolean({
    helpGroup: 'TRUST',
    allowNo: true,
    description: 'demand (or do without) an entry in a transparency log',
  }),
  'require-timestamp': Flags.boolean({ helpGroup: 'TRUST', description: 'demand a signed timestamp' }),
  'insecure-ignore-sct': Flags.boolean({
    helpGroup: 'TRUST',
    description: 'accept certificates without proof that they were logged',
  }),
  'trust-policy': Flags.string({
    helpGroup: 'TRUST',
    helpValue: 'FILE',
    description: 'policy file that names the signers of a stream; /etc/airgap/trust.json when nothing else is given',
  }),
  'insecure-unsigned': Flags.boolean({
    helpGroup: 'TRUST',
    description: 'accept a bundle without checking any signature; layout and digests are still checked',
  }),
};

/** Which bundles of a stream are acceptable. */
export const policyFlags = {
  'bundle-name': Flags.string({
    helpGroup: 'POLICY',
    helpValue: 'NAME',
    description: 'refuse bundles of another stream',
  }),
  'min-serial': Flags.integer({ helpGroup: 'POLICY', min: 1, description: 'refuse older bundles of the stream' }),
  'state-dir': Flags.string({
    helpGroup: 'POLICY',
    helpValue: 'DIR',
    description: 'where applied serials are recorded, older ones are refused; ~/.local/state/airgap by default',
  }),
  'allow-rollback': Flags.integer({
    helpGroup: 'POLICY',
    min: 1,
    helpValue: 'SERIAL',
    description: 'accept this older serial',
  }),
  'enforce-expiry': Flags.boolean({ helpGroup: 'POLICY', description: 'refuse an expired bundle instead of warning' }),
};

/** How a bundle manifest is signed: by a private key or by an identity. */
export const signFlags = {
  'sign-key': Flags.string({ helpGroup: 'SIGNING', helpValue: 'FILE', description: 'private key to sign with' }),
  'password-file': Flags.string({
    helpGroup: 'SIGNING',
    helpValue: 'FILE',
    description: 'password of the key; else AIRGAP_KEY_PASSWORD, COSIGN_PASSWORD, or a prompt',
  }),
  keyless: Flags.boolean({
    helpGroup: 'SIGNING',
    description: `sign with a certificate for your identity. ${KEYLESS_PRIVACY}`,
  }),
  'identity-token': Flags.string({
    helpGroup: 'SIGNING',
    helpValue: 'FILE',
    description: 'OpenID Connect token for --keyless; else the CI environment is asked',
  }),
  'fulcio-url': Flags.string({ helpGroup: 'SIGNING', helpValue: 'URL', description: 'certificate authority' }),
  'rekor-url': Flags.string({ helpGroup: 'SIGNING', helpValue: 'URL', description: 'transparency log' }),
  'rekor-version': Flags.string({
    helpGroup: 'SIGNING',
    options: ['1', '2', 'none'],
    default: '1',
    description: 'protocol of the log, none for no log',
  }),
  'tsa-url': Flags.string({ helpGroup: 'SIGNING', helpValue: 'URL', description: 'timestamp authority' }),
};

/** Where a run leaves its proof. */
export const receiptFlag = {
  receipt: Flags.string({
    helpValue: 'FILE',
    description: 'where to write the receipt: everything seen on the target and applied, by whom, when',
  }),
};

/** How to reach the management cluster. */
export const kubeFlags = {
  kubeconfig: Flags.string({
    helpGroup: 'CLUSTER',
    helpValue: 'FILE',
    description: 'kubeconfig of the management cluster; else that of the site file, else KUBECONFIG',
  }),
  context: Flags.string({ helpGroup: 'CLUSTER', helpValue: 'NAME', description: 'context of the kubeconfig' }),
  site: Flags.string({ helpGroup: 'CLUSTER', helpValue: 'FILE', description: 'the site file; flags win over it' }),
};

/** What is done on the cluster, and how. */
export const stepFlags = {
  ...kubeFlags,
  steps: Flags.string({ helpGroup: 'CLUSTER', helpValue: 'A,B', description: 'only these steps' }),
  skip: Flags.string({ helpGroup: 'CLUSTER', helpValue: 'A,B', description: 'all but these steps' }),
  'from-step': Flags.string({ helpGroup: 'CLUSTER', helpValue: 'A', description: 'this step and those after it' }),
  'dry-run': Flags.boolean({
    helpGroup: 'CLUSTER',
    exclusive: ['render'],
    description: 'show what would change on the cluster (server-side dry run); push nothing, write nothing',
  }),
  render: Flags.string({
    helpGroup: 'CLUSTER',
    helpValue: 'DIR',
    description: 'write the resources as YAML for GitOps instead of applying them; push nothing',
  }),
  yes: Flags.boolean({ char: 'y', helpGroup: 'CLUSTER', description: 'agree to everything that would be asked' }),
  'force-conflicts': Flags.boolean({
    helpGroup: 'CLUSTER',
    description: 'take over fields that another manager owns',
  }),
  'replace-mirrors': Flags.boolean({
    helpGroup: 'CLUSTER',
    description: 'let mirror sets lose the entries of earlier bundles',
  }),
  icsp: Flags.boolean({
    helpGroup: 'CLUSTER',
    description: 'ImageContentSourcePolicy instead of mirror sets, for clusters before 4.13',
  }),
};
