import * as Flags from '@oclif/core/flags';
import { AirgapError } from '../core/errors.ts';
import type { DiskToMirrorOptions } from '../workflows/oc-mirror/disk-to-mirror.ts';
import type { OcMirrorOptions } from '../workflows/oc-mirror/run.ts';

/** How the vendor's program is run where it mirrors in place of our own engine. */
const ocMirrorFlags = {
  'oc-mirror': Flags.string({
    helpGroup: 'ENGINE',
    helpValue: 'FILE',
    default: 'oc-mirror',
    description: "the vendor's program, 4.18 or newer; on the PATH by default",
  }),
  'oc-mirror-arg': Flags.string({
    helpGroup: 'ENGINE',
    helpValue: 'ARG',
    multiple: true,
    multipleNonGreedy: true,
    description: 'hand this on to it as it is, for example --oc-mirror-arg=--image-timeout=60m',
  }),
};

/** What mirrors. */
export const packEngineFlags = {
  engine: Flags.string({
    helpGroup: 'ENGINE',
    options: ['native', 'oc-mirror'],
    default: 'native',
    description: "what mirrors: airgap itself, or the vendor's oc-mirror, whose archive then travels in the bundle",
  }),
  ...ocMirrorFlags,
  'oc-mirror-cache': Flags.string({
    helpGroup: 'ENGINE',
    helpValue: 'DIR',
    description:
      'folder for its cache that is kept for later bundles; beside the bundle, and only for this one, by default',
  }),
};

/** What brings the images to the registry. */
export const unpackEngineFlags = {
  engine: Flags.string({
    helpGroup: 'ENGINE',
    options: ['as-packed', 'native'],
    default: 'as-packed',
    description:
      'what brings a bundle of oc-mirror to the registry: that program, or airgap itself, straight from the file',
  }),
  ...ocMirrorFlags,
  'work-dir': Flags.string({
    helpGroup: 'ENGINE',
    helpValue: 'DIR',
    description: 'folder for its archive and its cache, twice the size of the bundle; beside the bundle by default',
  }),
};

interface OcMirrorFlags {
  readonly engine: string;
  readonly 'oc-mirror': string;
  readonly 'oc-mirror-arg': readonly string[] | undefined;
}

/** How the vendor's program brings a bundle it mirrored to the registry; undefined when our own engine does. Throws `E_USAGE` for flags that would do nothing. */
export function unpackEngine(
  flags: OcMirrorFlags & { readonly 'work-dir': string | undefined },
): DiskToMirrorOptions | undefined {
  const workDir = flags['work-dir'];
  const args = flags['oc-mirror-arg'] ?? [];
  if (flags.engine === 'native') {
    if (workDir === undefined && args.length === 0 && flags['oc-mirror'] === 'oc-mirror') return undefined;
    throw new AirgapError(
      'E_USAGE',
      '--oc-mirror, --oc-mirror-arg and --work-dir have no effect with --engine native',
      {
        hint: 'leave them out, or leave --engine out',
      },
    );
  }
  return { program: flags['oc-mirror'], args, ...(workDir === undefined ? {} : { workDir }) };
}

/** How the other engine is run, when it is asked for. Throws `E_USAGE` for flags that would do nothing. */
export function packEngine(
  flags: OcMirrorFlags & {
    readonly 'oc-mirror-cache': string | undefined;
    readonly 'okd-graph-url': string | undefined;
  },
): OcMirrorOptions | undefined {
  const cacheDir = flags['oc-mirror-cache'];
  const args = flags['oc-mirror-arg'] ?? [];
  if (flags.engine === 'oc-mirror') {
    if (flags['okd-graph-url'] !== undefined) {
      throw new AirgapError(
        'E_USAGE',
        '--okd-graph-url: oc-mirror can not be told another update service for OKD alone',
        {
          hint: 'give --graph-url, or leave --engine out',
        },
      );
    }
    return { program: flags['oc-mirror'], args, ...(cacheDir === undefined ? {} : { cacheDir }) };
  }
  if (cacheDir === undefined && args.length === 0 && flags['oc-mirror'] === 'oc-mirror') return undefined;
  throw new AirgapError('E_USAGE', '--oc-mirror, --oc-mirror-cache and --oc-mirror-arg need --engine oc-mirror', {
    hint: 'add --engine oc-mirror, or leave them out',
  });
}
