/** The vendor's program for tests: the real one where it is on the PATH, else what plays it (oc-mirror-stand-in.ts). */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { PlanFile } from '../../src/mirror/plan-file.ts';
import type { StandInImage, StandInScript } from './oc-mirror-stand-in.ts';
import { jsonOf } from './packing.ts';
import { findProgram, needProgram } from './programs.ts';
import type { Upstream } from './upstream.ts';

const STAND_IN = new URL('oc-mirror-stand-in.ts', import.meta.url).pathname;

export interface PlayedProgram {
  /** `--oc-mirror` with its value. */
  readonly flags: readonly string[];
  /** Changes what the next run does. */
  script(change: Partial<Omit<StandInScript, 'skopeo' | 'registry' | 'log'>>): void;
  /** What the plan of the upstream's image set asks for, as the program would copy it. */
  planned(): Promise<StandInImage[]>;
  /** Command lines so far, those that ask for the version left out. */
  runs(): readonly string[];
}

const TYPES: Readonly<Record<PlanFile['images'][number]['kind'], StandInImage['type']>> = {
  release: 'ocpRelease',
  releaseContent: 'ocpRelease',
  kubevirtDisk: 'ocpRelease',
  graphData: 'ocpRelease',
  catalog: 'operatorCatalog',
  operatorBundle: 'operatorBundle',
  relatedImage: 'operatorRelatedImage',
  additional: 'generic',
  helm: 'helmImage',
  signature: 'generic',
};

/** The connected side as the stand-in sees it. */
export type ConnectedSide = Pick<Upstream, 'folder' | 'succeed'>;

/** Installs the stand-in; undefined (test skipped, or failed in CI) without skopeo or the registry. */
export function playOcMirror(t: TestContext, upstream: ConnectedSide): PlayedProgram | undefined {
  const skopeo = needProgram(t, 'skopeo');
  const registry = needProgram(t, 'registry');
  if (skopeo === undefined || registry === undefined) return undefined;
  const folder = join(upstream.folder, 'vendor');
  mkdirSync(folder);
  const program = join(folder, 'oc-mirror');
  const scriptFile = join(folder, 'script.json');
  const log = join(folder, 'runs');
  let script: StandInScript = { version: '4.21.3', skopeo, registry, images: [], log };
  writeFileSync(scriptFile, JSON.stringify(script));
  writeFileSync(
    program,
    `#!/bin/sh\nOC_MIRROR_STAND_IN='${scriptFile}' exec '${process.execPath}' '${STAND_IN}' "$@"\n`,
  );
  chmodSync(program, 0o755);
  return {
    flags: ['--oc-mirror', program],
    script(change) {
      script = { ...script, ...change };
      writeFileSync(scriptFile, JSON.stringify(script));
    },
    async planned() {
      const plan = jsonOf(await upstream.succeed('plan', '-c', 'imageset.yaml', '--json')) as unknown as PlanFile;
      const payload = plan.images.find(({ kind }) => kind === 'release');
      return plan.images.flatMap(({ kind, origin, source, target }) => {
        if (kind === 'signature' || target.tag === undefined) return [];
        const name = `${target.repository}:${target.tag}`;
        // Its graph-data image is its own: any image will do.
        const from = withOneSelector(kind === 'graphData' && payload !== undefined ? payload.source : source);
        const image = { origin, type: TYPES[kind], source: from, name };
        const filterHash = plan.catalogs.find(({ target }) => `${target.repository}:${target.tag}` === name)?.rebuilt
          ?.filterHash;
        if (filterHash === undefined) return [image];
        // The original too, to be filtered again; the filtered one is played by the original.
        return [
          { ...image, onlyToDisk: true },
          { ...image, cached: `${target.repository}:${filterHash}` },
        ];
      });
    },
    runs: () =>
      existsSync(log)
        ? readFileSync(log, 'utf8')
            .split('\n')
            .filter((line) => line !== '' && !line.startsWith('umask') && !line.startsWith('version'))
        : [],
  };
}

/** The real program, or undefined: then the test is skipped and says so. */
export function needOcMirror(t: TestContext): string | undefined {
  const program = findProgram('oc-mirror');
  if (program === undefined) t.skip('oc-mirror is not on the PATH: only what plays it was tested');
  return program;
}

/** skopeo takes a tag or a digest, never both. */
function withOneSelector(reference: string): string {
  return reference.replace(/:[^:/@]+@/, '@');
}
