/**
 * kube-apiserver, etcd and the real CRDs, from Go modules alone. Both are built once and kept in the cache folder under the
 * hash of the module's go.sum, so a second run (or a fresh clone) needs no build.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CRD_SOURCES } from './crd-sources.ts';
import { CACHE_DIR } from './cache-dir.ts';

export interface ApiServerPrograms {
  readonly apiserver: string;
  readonly etcd: string;
}

const SERVER_MODULE = fileURLToPath(new URL('../cluster/apiserver/', import.meta.url));
const CRD_MODULE = fileURLToPath(new URL('../cluster/crds/', import.meta.url));
const KUBERNETES = 'v1.36.4';

/** The two programs: from KUBEBUILDER_ASSETS when it is set, else from the cache; undefined when they are not there. */
export function findApiServer(): ApiServerPrograms | undefined {
  const given = process.env['KUBEBUILDER_ASSETS'];
  const folder = given === undefined || given === '' ? serverFolder() : given;
  const programs = { apiserver: join(folder, 'kube-apiserver'), etcd: join(folder, 'etcd') };
  return existsSync(programs.apiserver) && existsSync(programs.etcd) ? programs : undefined;
}

/** The folder with one file per CRD, or undefined when they were not fetched yet. */
export function findCrds(): string | undefined {
  const folder = crdFolder();
  return existsSync(folder) ? folder : undefined;
}

/** Builds kube-apiserver and etcd (about two and a half minutes on two cores, nothing when they are there). */
export function buildApiServer(): void {
  if (findApiServer() !== undefined) return;
  const version = 'k8s.io/component-base/version';
  fillFolder(serverFolder(), (folder) => {
    execFileSync(
      'go',
      [
        'build',
        '-trimpath',
        '-gcflags=all=-dwarf=false',
        '-ldflags',
        // Without its version the server reports v0.0.0 and decides wrongly which features are on.
        `-s -w -X ${version}.gitVersion=${KUBERNETES} -X ${version}.gitMajor=1 -X ${version}.gitMinor=36`,
        '-o',
        `${folder}/`,
        'go.etcd.io/etcd/server/v3',
        'k8s.io/kubernetes/cmd/kube-apiserver',
      ],
      { cwd: SERVER_MODULE, stdio: 'inherit', env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '' } },
    );
    renameSync(join(folder, 'server'), join(folder, 'etcd'));
  });
}

/** Fetches the modules that publish the CRDs and keeps the CRD files only. */
export function fetchCrds(): void {
  if (findCrds() !== undefined) return;
  const modules = CRD_SOURCES.map(({ module }) => module);
  const listing = execFileSync('go', ['mod', 'download', '-json', ...modules], {
    cwd: CRD_MODULE,
    encoding: 'utf8',
    // Two of the modules are missing from the public checksum database; go.sum here pins all of them.
    env: { ...process.env, GOFLAGS: '', GONOSUMDB: '*' },
    maxBuffer: 16 * 1024 * 1024,
  });
  const found = listing
    .split(/^}\n/m)
    .filter((text) => text.trim() !== '')
    .map((text) => JSON.parse(`${text}}`) as { Path: string; Version: string; Dir: string; Sum: string });
  const pinned = readFileSync(join(CRD_MODULE, 'go.sum'), 'utf8').split('\n');
  fillFolder(crdFolder(), (folder) => {
    for (const { module, files } of CRD_SOURCES) {
      const entry = found.find(({ Path, Version }) => `${Path}@${Version}` === module);
      if (entry === undefined) throw new Error(`go mod download did not report ${module}`);
      if (!pinned.includes(`${entry.Path} ${entry.Version} ${entry.Sum}`))
        throw new Error(`${module}: content ${entry.Sum} is not the one pinned in go.sum`);
      for (const [name, path] of Object.entries(files))
        copyFileSync(join(entry.Dir, path), join(folder, `${name}.yaml`));
    }
  });
}

/** Fills a folder under a temporary name, so that an interrupted build never looks like a finished one. */
function fillFolder(folder: string, fill: (temporary: string) => void): void {
  mkdirSync(CACHE_DIR, { recursive: true });
  const temporary = mkdtempSync(join(CACHE_DIR, 'building-'));
  try {
    fill(temporary);
    renameSync(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function serverFolder(): string {
  return join(CACHE_DIR, `apiserver-${hashOf(readFileSync(join(SERVER_MODULE, 'go.sum'), 'utf8'))}`);
}

function crdFolder(): string {
  return join(CACHE_DIR, `crds-${hashOf(JSON.stringify(CRD_SOURCES))}`);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
