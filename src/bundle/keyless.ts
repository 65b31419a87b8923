/**
 * Keyless signing: a short-lived certificate for an identity, and proofs of the time of signing. Connected machines only;
 * the one importer of the signing client, and itself imported by nothing that verifies.
 */
import { createHash } from 'node:crypto';
import { bundleToJSON } from '@sigstore/bundle';
import { dsse } from '@sigstore/core';
import { HashAlgorithm } from '@sigstore/protobuf-specs';
import {
  CIContextProvider,
  DSSEBundleBuilder,
  FulcioSigner,
  InternalError,
  RekorWitness,
  TSAWitness,
} from '@sigstore/sign';
import type { IdentityProvider, Witness } from '@sigstore/sign';
import { AirgapError } from '../core/errors.ts';
import type { ErrorCode } from '../core/errors.ts';
import { DEFAULT_FULCIO_URL, DEFAULT_REKOR_URL } from './keyless-options.ts';
import type { KeylessOptions } from './keyless-options.ts';
import type { BundleIdentity } from './manifest.ts';
import { quoteForeign } from '../core/quote.ts';
import { PAYLOAD_TYPE, statementFor } from './statement.ts';

/** A log of version 2 answers when its next checkpoint is out, which takes up to ten seconds. */
const TIMEOUT_MS = 30_000;
const REQUEST = { timeout: TIMEOUT_MS, retry: { retries: 2 } };

/**
 * Signs a bundle manifest with a certificate for the caller's identity (signing, section 8): a Sigstore bundle v0.3 with the
 * same statement as {@link signManifest} signs, and the log entry and timestamp asked for.
 * Throws `E_USAGE` for a combination that can not be verified offline and for a missing or unusable identity token,
 * `E_UNAUTHORIZED` when the certificate authority refuses the identity, `E_UNREACHABLE` when a service fails. The token is
 * in none of the errors.
 */
export async function signManifestKeyless(
  manifest: Uint8Array,
  identity: BundleIdentity,
  options: KeylessOptions,
): Promise<Uint8Array> {
  return signStatementKeyless(statementFor(manifest, identity), options);
}

/** Signs an in-toto statement the same way. */
export async function signStatementKeyless(statement: Uint8Array, options: KeylessOptions): Promise<Uint8Array> {
  const witnesses = chooseWitnesses(options);
  const provider = rememberToken(
    options.identityToken === undefined ? new CIContextProvider('sigstore') : fixedToken(options.identityToken),
  );
  const fulcioBaseURL = options.fulcioUrl ?? DEFAULT_FULCIO_URL;
  const signer = new FulcioSigner({ fulcioBaseURL, identityProvider: provider, ...REQUEST });
  try {
    const data = Buffer.from(statement);
    const bundle = await new DSSEBundleBuilder({ signer, witnesses }).create({ data, type: PAYLOAD_TYPE });
    return Buffer.from(JSON.stringify(bundleToJSON(bundle)), 'utf8');
  } catch (error) {
    if (!(error instanceof InternalError)) throw error;
    throw explain(error, provider.token());
  }
}

function chooseWitnesses({ rekor = { version: 1 }, tsaUrl }: KeylessOptions): Witness[] {
  if (tsaUrl === undefined && (rekor === 'none' || rekor.version === 2)) {
    throw new AirgapError('E_USAGE', 'such a signature would not prove when it was made and could not be verified', {
      hint: 'add --tsa-url, or use a log of version 1',
    });
  }
  return [
    ...(rekor === 'none' ? [] : [rekor.version === 1 ? rekor1(rekor.url) : new Rekor2Witness(rekor.url)]),
    ...(tsaUrl === undefined ? [] : [new TSAWitness({ tsaBaseURL: tsaUrl, ...REQUEST })]),
  ];
}

function rekor1(url: string = DEFAULT_REKOR_URL): Witness {
  return new RekorWitness({ rekorBaseURL: url, entryType: 'dsse', ...REQUEST });
}

/**
 * A log of version 2 takes `hashedrekord` entries only. For a DSSE envelope the digest in it is that of the
 * pre-authentication encoding, the bytes that were really signed. The client would send a `dsse` entry, which such a log
 * refuses, so it is given the same signature in the form of a message signature.
 */
class Rekor2Witness implements Witness {
  readonly #log: RekorWitness;

  constructor(url: string) {
    this.#log = new RekorWitness({ rekorBaseURL: url, majorApiVersion: 2, ...REQUEST });
  }

  testify: Witness['testify'] = (content, certificate) => {
    if (content.$case !== 'dsseEnvelope') throw new TypeError('only DSSE envelopes are logged');
    const { payload, payloadType, signatures } = content.dsseEnvelope;
    const digest = createHash('sha256').update(dsse.preAuthEncoding(payloadType, payload)).digest();
    const messageSignature = {
      messageDigest: { algorithm: HashAlgorithm.SHA2_256, digest },
      signature: signatures[0]?.sig ?? Buffer.alloc(0),
    };
    return this.#log.testify({ $case: 'messageSignature', messageSignature }, certificate);
  };
}

function fixedToken(token: string): IdentityProvider {
  return { getToken: async () => token };
}

/** Keeps what the provider gave, to be able to take it out of messages. */
function rememberToken(provider: IdentityProvider): IdentityProvider & { token(): string | undefined } {
  let seen: string | undefined;
  return {
    getToken: async () => {
      seen = await provider.getToken();
      return seen;
    },
    token: () => seen,
  };
}

/** Our own error for one of the client's. Its cause is left out: causes are printed, and may quote the token. */
function explain(error: InternalError, token: string | undefined): AirgapError {
  switch (error.code) {
    case 'IDENTITY_TOKEN_READ_ERROR':
      return new AirgapError('E_USAGE', 'there is no identity token', {
        hint: 'give --identity-token FILE, or set SIGSTORE_ID_TOKEN, or let the CI job ask for an id token',
      });
    case 'IDENTITY_TOKEN_PARSE_ERROR':
      return new AirgapError(
        'E_USAGE',
        'the identity token is no OpenID Connect token with a subject or verified e-mail',
        {
          hint: 'it is not shown here because it is a secret',
        },
      );
    default: {
      const message = token === undefined ? error.message : error.message.replaceAll(token, '(token)');
      return new AirgapError(codeFor(error), `keyless signing failed: ${quoteForeign(message)}`, {
        hint: 'check the addresses of the services and that they accept this identity',
      });
    }
  }
}

function codeFor(error: InternalError): ErrorCode {
  const cause: unknown = error.cause;
  const status = cause instanceof Error && 'statusCode' in cause ? cause.statusCode : undefined;
  return status === 401 || status === 403 ? 'E_UNAUTHORIZED' : 'E_UNREACHABLE';
}
