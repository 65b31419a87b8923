import { X509Certificate } from 'node:crypto';
import { AirgapError } from '../core/errors.ts';

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

/**
 * The certificates of a PEM text and nothing else: comments go, order stays, repeated certificates are left out, the text ends
 * with a newline. Throws `E_CONFIG` naming `origin` when there is no certificate, one can not be read, or a private key is in it.
 */
export function readTrustBundle(text: string, origin: string): string {
  const blocks = [...text.matchAll(BLOCK)].map(([block, label]) => ({ block, label: label! }));
  if (blocks.some(({ label }) => label.endsWith('PRIVATE KEY'))) {
    throw new AirgapError('E_CONFIG', `${origin} holds a private key`, { hint: 'give a file with certificates only' });
  }
  const certificates = blocks.filter(({ label }) => label === 'CERTIFICATE' || label === 'TRUSTED CERTIFICATE');
  if (certificates.length === 0) {
    throw new AirgapError('E_CONFIG', `${origin} holds no certificate`, { hint: 'give a PEM file of CA certificates' });
  }
  const seen = new Map<string, string>();
  for (const { block } of certificates) {
    const { fingerprint256 } = readCertificate(block, origin);
    if (!seen.has(fingerprint256)) seen.set(fingerprint256, block.replaceAll('\r\n', '\n'));
  }
  return [...seen.values()].map((block) => `${block}\n`).join('');
}

/** All certificates of several bundles, each once; undefined when there is none. */
export function unionOfTrustBundles(bundles: readonly (string | undefined)[], origin: string): string | undefined {
  const present = bundles.filter((bundle) => bundle !== undefined && bundle.trim() !== '');
  return present.length === 0 ? undefined : readTrustBundle(present.join('\n'), origin);
}

function readCertificate(block: string, origin: string): X509Certificate {
  try {
    return new X509Certificate(block);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_'))) throw error;
    throw new AirgapError('E_CONFIG', `${origin}: a certificate can not be read: ${error.message}`, {
      hint: 'give PEM certificates as they were issued',
      cause: error,
    });
  }
}
