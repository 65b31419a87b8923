/** Who is measured: the tool, its peers on the same references, and the trivial client. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../test/support/programs.ts';
import { requireProgram, type Contender } from './measure.ts';

const ROOT = new URL('..', import.meta.url).pathname;
export const AIRGAP = `${process.execPath} ${join(ROOT, 'bin/run.js')}`;

/** A folder with `imageset.yaml`, `references` (one a line) and the keys `bench.key`, `bench.pub`. */
export type Folder = string;

export type Peer = 'crane' | 'skopeo' | 'oras';
export const PEERS: readonly Peer[] = ['crane', 'skopeo', 'oras'];

/** A command to be timed, and which of a push's new registries it fills. */
export interface Pusher extends Contender {
  readonly id: string;
}

const program = (name: string): string => requireProgram(findProgram(name), name);

/** airgap pack into one signed file. */
export function ourPack(folder: Folder): Contender {
  return {
    name: 'airgap pack',
    command: `cd ${folder} && AIRGAP_KEY_PASSWORD= ${AIRGAP} pack -c imageset.yaml -o X.tar --sign-key bench.key`,
    reset: () => rmSync(join(folder, 'X.tar'), { force: true }),
  };
}

export function ourVerify(folder: Folder): Contender {
  return {
    name: 'airgap verify',
    command: `cd ${folder} && ${AIRGAP} verify X.tar --key bench.pub --state-dir state`,
  };
}

/** `host` is text for the shell. */
export function ourPush(folder: Folder, host: string): Pusher {
  return {
    id: 'airgap',
    name: 'airgap unpack',
    command: `cd ${folder} && ${AIRGAP} unpack X.tar --key bench.pub --registry ${host} --state-dir state`,
  };
}

/** A peer that makes one file of the same references: fetch into an OCI layout, then tar. */
export function peerPack(folder: Folder, peer: Peer): Contender {
  const each = (command: string): string => `while read -r ref; do ${command}; done < references`;
  const fetch: Record<Peer, () => string> = {
    crane: () => `xargs ${program('crane')} pull --insecure --format=oci < <(cat references; echo crane)`,
    skopeo: () =>
      each(`${program('skopeo')} copy -q --src-tls-verify=false docker://$ref oci:skopeo:$(basename $ref | tr : -)`),
    oras: () =>
      each(`${program('oras')} cp --no-tty --from-plain-http --to-oci-layout $ref oras:$(basename $ref | tr : -)`),
  };
  return {
    name: `${peer} ${peer === 'crane' ? 'pull' : 'copy'} + tar`,
    command: `cd ${folder} && mkdir -p ${peer} && ${fetch[peer]()} && tar cf ${peer}.tar ${peer}`,
    reset() {
      for (const name of [peer, `${peer}.tar`]) rmSync(join(folder, name), { recursive: true, force: true });
    },
  };
}

/** A peer that brings its file, or for crane its extracted layout, into a registry. */
export function peerPush(folder: Folder, peer: Peer, host: string): Pusher {
  const each = (command: string): string =>
    `rm -rf u && mkdir u && tar xf ${peer}.tar -C u && while read -r ref; do tag=$(basename $ref | tr : -); ${command}; done < references && rm -rf u`;
  const push: Record<Peer, () => string> = {
    crane: () => `${program('crane')} push --insecure --index crane ${host}/all:v1`,
    skopeo: () =>
      each(`${program('skopeo')} copy -q --dest-tls-verify=false oci:u/skopeo:$tag docker://${host}/bench/all:$tag`),
    oras: () =>
      each(`${program('oras')} cp --no-tty --from-oci-layout --to-plain-http u/oras:$tag ${host}/bench/all:$tag`),
  };
  const name = peer === 'crane' ? 'crane push (layout extracted before)' : `${peer} (untar first)`;
  return { id: peer, name, command: `cd ${folder} && ${push[peer]()}` };
}

/** What no client can beat by much: the blobs of crane's layout, sent by curl. */
export function trivialPush(folder: Folder, host: string): Pusher {
  return {
    id: 'trivial',
    name: 'limit: curl, blobs only',
    command: `${join(ROOT, 'bench/trivial-push.sh')} ${host} ${join(folder, 'crane')}`,
  };
}
