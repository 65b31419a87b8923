/** Certificates as a Fulcio could issue them, and as none should: made by the openssl program. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface LeafOptions {
  /** In the words of openssl, x509v3_config(5): `email:a@b`, `URI:https://…`. */
  readonly subjectAltName: string;
  readonly issuer?: string;
  readonly extendedKeyUsage?: string;
  readonly isAuthority?: boolean;
  readonly curve?: string;
}

export interface Leaf {
  readonly certificate: Buffer;
  readonly key: KeyObject;
}

export interface Authority {
  readonly certificate: Buffer;
  issue(options: LeafOptions): Leaf;
}

/** A certificate authority without a certificate log: its certificates carry no SCT. */
export function createAuthority(openssl: string): Authority {
  const root = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
  const rootCertificate = makeCertificate(openssl, root, [
    'basicConstraints=critical,CA:TRUE',
    'keyUsage=critical,keyCertSign,cRLSign',
    'subjectKeyIdentifier=hash',
  ]);
  return {
    certificate: new X509Certificate(rootCertificate).raw,
    issue: ({ subjectAltName, issuer, extendedKeyUsage, isAuthority, curve }) => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: curve ?? 'prime256v1' });
      const extensions = [
        `basicConstraints=critical,CA:${isAuthority ? 'TRUE' : 'FALSE'}`,
        `keyUsage=critical,digitalSignature${isAuthority ? ',keyCertSign' : ''}`,
        `extendedKeyUsage=${extendedKeyUsage ?? 'codeSigning'}`,
        `subjectAltName=${subjectAltName}`,
        'subjectKeyIdentifier=hash',
        'authorityKeyIdentifier=keyid',
        // Fulcio's extension "issuer (v2)".
        ...(issuer === undefined ? [] : [`1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:${issuer}`]),
      ];
      const text = makeCertificate(openssl, privateKey, extensions, { key: root, certificate: rootCertificate });
      return { certificate: new X509Certificate(text).raw, key: privateKey };
    },
  };
}

function makeCertificate(
  openssl: string,
  key: KeyObject,
  extensions: readonly string[],
  issuer?: { readonly key: KeyObject; readonly certificate: string },
): string {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-certificate-'));
  try {
    const file = (name: string, content: string): string => {
      writeFileSync(join(folder, name), content, { mode: 0o600 });
      return join(folder, name);
    };
    const pem = (privateKey: KeyObject): string => String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const config = file('config', ['[req]', 'distinguished_name=dn', '[dn]', '[v3]', ...extensions, ''].join('\n'));
    const out = join(folder, 'out.pem');
    const subject = issuer === undefined ? '/CN=test authority' : '/CN=signer';
    const args = ['req', '-x509', '-new', '-sha256', '-days', '2', '-config', config, '-extensions', 'v3', '-out', out];
    args.push('-key', file('key', pem(key)), '-subj', subject);
    if (issuer !== undefined)
      args.push('-CA', file('ca', issuer.certificate), '-CAkey', file('ca-key', pem(issuer.key)));
    execFileSync(openssl, args, { stdio: 'pipe' });
    return readFileSync(out, 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
