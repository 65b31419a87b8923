import * as Flags from '@oclif/core/flags';

/** Connections over all workers; more than 16 only burdens registries. */
const DEFAULT_CONCURRENCY = 8;
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
    default: DEFAULT_CONCURRENCY,
    description: 'connections at once',
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
  'graph-url': Flags.string({
    helpGroup: 'RELEASE',
    helpValue: 'URL',
    description: 'update service to ask instead of the public one; else UPDATE_URL_OVERRIDE',
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
    description: 'sign with a certificate for your identity; a public authority and log publish that identity for ever',
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
