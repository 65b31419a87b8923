import { X509Certificate } from 'node:crypto';
import { AirgapError } from './errors.ts';

/** A certificate is reported when it ends within this time. */
const EXPIRY_NOTICE_DAYS = 90;
const DAY_MS = 24 * 60 * 60 * 1000;
const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  /** ISO 8601. */
  readonly notBefore: string;
  readonly notAfter: string;
  /** sha256 of the DER form, lower-case hex. */
  readonly fingerprint: string;
  readonly isCa: boolean;
}

export interface CaBundle {
  /** Certificates alone, one after the other, in the order of the file without duplicates. */
  readonly pem: string;
  readonly certificates: readonly CertificateFacts[];
}

/**
 * Reads a CA bundle: PEM certificates, duplicates dropped by fingerprint, order kept, comments dropped.
 * Throws `E_CONFIG` naming `origin` when there is none, one is broken, or the text holds a private key.
 */
export function readCaBundle(text: string, origin: string): CaBundle {
  const seen = new Set<string>();
  const certificates: CertificateFacts[] = [];
  let pem = '';
  for (const [block, label] of text.matchAll(PEM_BLOCK)) {
    if (label!.includes('PRIVATE KEY')) {
      throw new AirgapError('E_CONFIG', `${origin}: contains a private key`, {
        hint: 'a CA bundle holds certificates only; remove the key, and treat it as disclosed if the file was shared',
      });
    }
    if (label !== 'CERTIFICATE' && label !== 'TRUSTED CERTIFICATE') continue;
    const certificate = parseCertificate(block, origin, certificates.length + 1);
    const facts = describeCertificate(certificate);
    if (seen.has(facts.fingerprint)) continue;
    seen.add(facts.fingerprint);
    certificates.push(facts);
    pem += certificate.toString();
  }
  if (certificates.length === 0) {
    throw new AirgapError('E_CONFIG', `${origin}: no PEM certificate in it`, {
      hint: 'give a file with "-----BEGIN CERTIFICATE-----" blocks; convert DER with openssl x509 -inform der',
    });
  }
  return { pem, certificates };
}

/** What is worth telling about CA certificates at a moment: no CA, expired, not valid yet, or ending soon. */
export function certificateProblems(certificates: readonly CertificateFacts[], nowMs: number): string[] {
  return certificates.flatMap((certificate) => {
    const name = JSON.stringify(certificate.subject);
    const ends = Date.parse(certificate.notAfter);
    const problems: string[] = [];
    if (!certificate.isCa) problems.push(`certificate ${name} is no CA`);
    if (ends < nowMs) problems.push(`certificate ${name} expired on ${certificate.notAfter}`);
    else if (ends < nowMs + EXPIRY_NOTICE_DAYS * DAY_MS)
      problems.push(`certificate ${name} expires on ${certificate.notAfter}`);
    if (Date.parse(certificate.notBefore) > nowMs)
      problems.push(`certificate ${name} is not valid before ${certificate.notBefore}`);
    return problems;
  });
}

function parseCertificate(block: string, origin: string, position: number): X509Certificate {
  try {
    return new X509Certificate(block.replaceAll('TRUSTED CERTIFICATE', 'CERTIFICATE'));
  } catch (error) {
    throw new AirgapError('E_CONFIG', `${origin}: certificate ${position} can not be read`, {
      hint: 'export the certificate again as PEM',
      cause: error,
    });
  }
}

function describeCertificate(certificate: X509Certificate): CertificateFacts {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    notBefore: new Date(certificate.validFrom).toISOString(),
    notAfter: new Date(certificate.validTo).toISOString(),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    isCa: certificate.ca,
  };
}

function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').join(', ');
}
