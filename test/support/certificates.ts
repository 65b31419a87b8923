/** Certificates for test servers, made with the openssl program: a CA of our own and certificates for loopback hosts. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestAuthority {
  /** PEM text of the CA certificate. */
  readonly ca: string;
  /** A certificate for `localhost`, 127.0.0.1 and ::1 (or the given DNS names) signed by the CA, and its key; PEM texts. */
  issue(options?: IssueOptions): { readonly cert: string; readonly key: string };
}

export interface IssueOptions {
  readonly names?: readonly string[];
  /** `client` makes a client certificate, `expired` one whose time is over. */
  readonly use?: 'server' | 'client' | 'expired';
}

/** A new CA; its private key never leaves this function. */
export function createAuthority(): TestAuthority {
  const { ca, caKey } = inTemporaryFolder((folder) => {
    openssl(folder, [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=airgap test authority'],
    ]);
    return { ca: read(folder, 'ca.pem'), caKey: read(folder, 'ca.key') };
  });
  return {
    ca,
    issue: ({ names = ['localhost'], use = 'server' } = {}) =>
      inTemporaryFolder((folder) => {
        writeFileSync(join(folder, 'ca.pem'), ca);
        writeFileSync(join(folder, 'ca.key'), caKey);
        const alternatives = [...names.map((name) => `DNS:${name}`), 'IP:127.0.0.1', 'IP:::1'].join(',');
        const purpose = use === 'client' ? 'clientAuth' : 'serverAuth';
        writeFileSync(join(folder, 'ext'), `subjectAltName=${alternatives}\nextendedKeyUsage=${purpose}\n`);
        openssl(folder, [
          ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
          ...['-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', `/CN=${names[0]}`],
        ]);
        openssl(folder, [
          ...['x509', '-req', '-in', 'leaf.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
          ...['-extfile', 'ext', '-out', 'leaf.pem', '-days', use === 'expired' ? '0' : '2'],
        ]);
        return { cert: read(folder, 'leaf.pem'), key: read(folder, 'leaf.key') };
      }),
  };
}

function inTemporaryFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'airgap-cert-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function openssl(cwd: string, args: readonly string[]): void {
  execFileSync('openssl', args, { cwd, stdio: 'ignore' });
}

function read(folder: string, name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}
