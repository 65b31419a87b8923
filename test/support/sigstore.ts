/**
 * A private Sigstore for tests: certificate authority, logs and timestamp authority of @sigstore/mock behind a plain HTTP
 * server on loopback, with what a current deployment does and the mock does not.
 */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TransparencyLogEntry } from '@sigstore/protobuf-specs';
import {
  fulcioHandler,
  initializeCA,
  initializeCTLog,
  initializeTLog,
  initializeTSA,
  tsaHandler,
} from '@sigstore/mock';
import { canonicalJson } from '../../src/core/canonical-json.ts';

export interface Sigstore extends AsyncDisposable {
  readonly url: string;
  /** The trusted root of this deployment, as JSON text. */
  readonly trustedRoot: string;
  /** An identity token this deployment gives certificates for. */
  token(identity: { readonly subject: string; readonly issuer: string }): string;
  /** The clock of the timestamp authority; undefined means now. */
  timeOfSigning: Date | undefined;
  /** Paths that were asked for, in order. */
  readonly requests: readonly string[];
}

const P256 = { namedCurve: 'P-256' } as const;
const START = { start: '2020-01-01T00:00:00Z' };
type Json = Record<string, unknown>;

/** Starts one; dispose it to stop the server. Every deployment has keys of its own. */
export async function startSigstore(): Promise<Sigstore> {
  const requests: string[] = [];
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const clock = new Date();
  const ctLog = await initializeCTLog(generateKeyPairSync('ec', P256));
  const ca = await initializeCA(generateKeyPairSync('ec', { namedCurve: 'P-384' }), ctLog);
  const log = await initializeTLog(url, generateKeyPairSync('ec', P256));
  const tsa = await initializeTSA(generateKeyPairSync('ec', { namedCurve: 'P-384' }), clock);
  const fulcio = fulcioHandler(ca);
  const timestamps = tsaHandler(tsa);

  const sigstore: Sigstore = {
    url,
    requests,
    timeOfSigning: undefined,
    trustedRoot: JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      certificateAuthorities: [authority(url, [ca.rootCertificate])],
      timestampAuthorities: [authority(url, [tsa.intCertificate, tsa.rootCertificate])],
      tlogs: [logInstance(url, log.publicKey)],
      ctlogs: [logInstance(url, ctLog.publicKey)],
    }),
    // Nobody here checks its signature, but cosign wants one of a known kind.
    token: ({ subject, issuer }) => {
      const exp = Math.floor(Date.now() / 1000) + 600;
      const parts = [{ alg: 'RS256', typ: 'JWT' }, { sub: subject, iss: issuer, aud: 'sigstore', exp }, 'signature'];
      return parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  server.on('request', (request, response) => {
    requests.push(request.url ?? '');
    void answer(request, response).catch((error: unknown) => {
      response.writeHead(400, { 'content-type': 'text/plain' }).end(String(error));
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await request.toArray()).map(String).join('');
    switch (request.url) {
      case '/api/v2/signingCert': {
        const json = JSON.parse(body) as { credentials?: { oidcIdentityToken?: string } };
        // cosign sends the token as a header.
        const bearer = request.headers.authorization?.replace(/^Bearer /, '');
        const credentials = { oidcIdentityToken: json.credentials?.oidcIdentityToken ?? bearer };
        const result = await fulcio.fn(JSON.stringify({ ...json, credentials }));
        // The real service answers 200.
        return send(response, result.statusCode === 201 ? 200 : result.statusCode, result.response);
      }
      case '/api/v1/log/entries': {
        const entry = await log.log(recordedDsse(JSON.parse(body) as Json));
        // cosign looks for the entry by the name these headers give it.
        const [name = ''] = Object.keys(entry);
        response.setHeader('etag', name).setHeader('location', `/api/v1/log/entries/${name}`);
        return send(response, 201, JSON.stringify(entry));
      }
      case '/api/v2/log/entries': {
        return send(response, 201, JSON.stringify(await logVersion2(JSON.parse(body) as Json)));
      }
      case '/api/v1/timestamp': {
        // Whole seconds: the verifying library reads times with no or three fraction digits only.
        clock.setTime(Math.floor((sigstore.timeOfSigning ?? new Date()).getTime() / 1000) * 1000);
        const result = await timestamps.fn(body);
        return send(response, result.statusCode, result.response, 'application/timestamp-reply');
      }
      default:
        return send(response, 404, '{}');
    }
  }

  /** The recorded form of a version 2 entry: no time, no promise, and the first entry of its log. */
  async function logVersion2(request: Json): Promise<unknown> {
    const proposed = request['hashedRekordRequestV002'] as { digest: string; signature: unknown } | undefined;
    if (proposed === undefined) throw new Error('a log of version 2 takes hashedrekord entries only');
    const body = {
      apiVersion: '0.0.2',
      kind: 'hashedrekord',
      spec: {
        hashedRekordV002: { data: { algorithm: 'SHA2_256', digest: proposed.digest }, signature: proposed.signature },
      },
    };
    const entry = await log.logV2(body as unknown as Parameters<typeof log.logV2>[0]);
    // The mock reads the hex root hash of its own proof as base64.
    const rootHash = createHash('sha256').update(Buffer.of(0)).update(entry.canonicalizedBody).digest();
    return TransparencyLogEntry.toJSON({
      ...entry,
      kindVersion: { kind: 'hashedrekord', version: '0.0.2' },
      logIndex: '0',
      integratedTime: '0',
      inclusionProof: entry.inclusionProof && { ...entry.inclusionProof, logIndex: '0', rootHash },
    });
  }

  return sigstore;
}

/** What a log of version 1 records of a proposed `dsse` entry; the mock would record the proposal itself. */
function recordedDsse(proposal: Json): Json {
  if (proposal['kind'] !== 'dsse') return proposal;
  const { proposedContent } = proposal['spec'] as {
    proposedContent: { envelope: string; verifiers: readonly string[] };
  };
  const envelope = JSON.parse(proposedContent.envelope) as { payload: string; signatures: { sig: string }[] };
  const hash = (data: string | Buffer): Json => ({
    algorithm: 'sha256',
    value: createHash('sha256').update(data).digest('hex'),
  });
  return {
    apiVersion: '0.0.1',
    kind: 'dsse',
    spec: {
      envelopeHash: hash(canonicalJson(envelope)),
      payloadHash: hash(Buffer.from(envelope.payload, 'base64')),
      signatures: [{ signature: envelope.signatures[0]?.sig, verifier: proposedContent.verifiers[0] }],
    },
  };
}

function authority(uri: string, chain: readonly ArrayBufferView[]): Json {
  const certificates = chain.map((certificate) => ({ rawBytes: base64(certificate) }));
  const subject = { organization: 'sigstore.mock', commonName: 'test' };
  return { subject, uri, certChain: { certificates }, validFor: START };
}

function logInstance(baseUrl: string, publicKey: Buffer): Json {
  return {
    baseUrl,
    hashAlgorithm: 'SHA2_256',
    publicKey: { rawBytes: base64(publicKey), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: START },
    logId: { keyId: createHash('sha256').update(publicKey).digest('base64') },
  };
}

function base64(view: ArrayBufferView): string {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64');
}

function send(
  response: ServerResponse,
  status: number,
  body: string | ArrayBufferView,
  type = 'application/json',
): void {
  const bytes = typeof body === 'string' ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  response.writeHead(status, { 'content-type': type }).end(bytes);
}
