import { availableParallelism } from 'node:os';
import { AirgapError, isAirgapError } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { checkBaseFiles, type OpenBaseFile } from './base-files.ts';
import { checkFile } from './check-file.ts';
import { checkRest } from './entry-check.ts';
import { failureError, type VolumeAt } from './failure.ts';
import type { BundleLayout } from './layout.ts';
import { MANIFEST_PATH, type BundleIdentity } from './manifest.ts';
import { checkOciLayout, type LayoutFiles, type OciCheckOptions } from './oci-checks.ts';
import { orderedStream, orderedVolumes, type OrderedInput } from './ordered-input.ts';
import { checkPolicy, type BundlePolicy } from './policy.ts';
import { acceptPreamble, readPreamble, type AcceptedBundle, type AcceptSignatures } from './preamble.ts';
import { keepDocuments } from './kept-documents.ts';
import { readerOf, type BundleReader } from './reader.ts';
import { checkStructure } from './structure.ts';
import { missingError, openVolumes, type Volumes } from './volumes.ts';

/** A bundle in files (one, or the volumes of one in any order), or arriving through a pipe. */
export type BundleInput = { readonly paths: readonly string[] } | { readonly stream: AsyncIterable<Uint8Array> };

export interface VerifyOptions<Signer = unknown> extends RunContext {
  readonly accept: AcceptSignatures<Signer>;
  readonly detachedSignatures?: readonly Uint8Array[];
  /** What is demanded; as a function when it depends on the stream the bundle belongs to. */
  readonly policy?: BundlePolicy | ((bundle: BundleIdentity) => BundlePolicy | Promise<BundlePolicy>);
  /** Stops after step 5: signatures, bundle manifest and policy only. */
  readonly manifestOnly?: boolean;
  /** `as-used`: contents are not read here, the caller reads them through a reader that checks each. Files only. */
  readonly contents?: 'all' | 'as-used';
  /** Also checks the OCI image layout (signing, section 11.1). */
  readonly oci?: OciCheckOptions | OciExpectations;
  /** Opens content that is not carried, to hash it again at its place. */
  readonly openBaseFile?: OpenBaseFile;
}

/** What the OCI checks may expect stands in a file of the bundle itself, which is read once its digest was checked. */
export interface OciExpectations {
  readonly path: string;
  /** `content` is undefined when the bundle does not carry the file. */
  optionsOf(content: Buffer | undefined): OciCheckOptions;
}

/** What an accepted bundle is. */
export interface VerifiedBundle<Signer = unknown> {
  readonly manifestSha256: string;
  readonly bundle: BundleIdentity;
  readonly signers: readonly Signer[];
  /** Files listed in the bundle manifest, the ones in the base included. */
  readonly files: number;
  /** Length of the whole bundle in bytes. */
  readonly bytes: number;
}

/**
 * Checks a bundle in one pass, in the order and with the codes of signing, section 7.1 (steps 1 to 8; step 0, whether
 * there is any policy, is the business of who makes `accept`). The first failure in the archive ends it. Every error
 * carries `data: {at, offset, volume?}`. Nothing is written.
 */
export async function verifyBundle<Signer>(
  input: BundleInput,
  options: VerifyOptions<Signer>,
): Promise<VerifiedBundle<Signer>> {
  if ('stream' in input) {
    const ordered = orderedStream(input.stream);
    try {
      return await verifyStreamed(ordered, options);
    } finally {
      await ordered.close();
    }
  }
  const volumes = openVolumes(input.paths);
  try {
    return await verifyFile(volumes, options);
  } finally {
    volumes.close();
  }
}

async function verifyFile<Signer>(volumes: Volumes, options: VerifyOptions<Signer>): Promise<VerifiedBundle<Signer>> {
  const accepted = await verifyHead(orderedVolumes(volumes), options, volumes);
  if (options.manifestOnly === true) return resultOf(accepted);
  const missing = volumes.missing(accepted.layout.size);
  if (missing.length > 0) throw missingError(missing, volumes.size);
  const failure =
    options.contents === 'as-used'
      ? checkStructure(volumes, accepted.layout)
      : await checkFile(volumes, accepted.layout, {
          signal: options.signal,
          cores: availableParallelism(),
          onBytes: (bytes) => reportBytes(accepted, options, bytes),
        });
  if (failure !== undefined) throw failureError(failure, volumes.volumeAt);
  await verifyContent(accepted, readerOf(volumes, accepted), options, volumes.volumeAt);
  return resultOf(accepted);
}

async function verifyStreamed<Signer>(
  input: OrderedInput,
  options: VerifyOptions<Signer>,
): Promise<VerifiedBundle<Signer>> {
  const accepted = await verifyHead(input, options);
  if (options.manifestOnly === true) return resultOf(accepted);
  const { layout } = accepted;
  const files = layout.entries.slice(layout.firstFile);
  const documents =
    options.oci === undefined
      ? undefined
      : keepDocuments(layout.manifest, files, 'path' in options.oci ? [options.oci.path] : []);
  const check = checkRest(files, layout.endAt, documents);
  for await (const chunk of input.rest()) {
    options.signal.throwIfAborted();
    const failure = check.push(chunk);
    if (failure !== undefined) throw failureError(failure);
    reportBytes(accepted, options, chunk.length);
  }
  const failure = check.end();
  if (failure !== undefined) throw failureError(failure);
  await verifyContent(accepted, documents, options);
  return resultOf(accepted);
}

/**
 * The checks of {@link verifyBundle} with `contents: 'as-used'` on the very files a reader has open: a name given to another
 * file meanwhile changes nothing. Throws `E_DIGEST` too when the bundle manifest is no longer the one the reader has.
 */
export async function verifyOpened<Signer>(
  reader: BundleReader,
  options: Omit<VerifyOptions<Signer>, 'contents' | 'manifestOnly'>,
): Promise<VerifiedBundle<Signer>> {
  const verified = await verifyFile(reader.volumes, { ...options, contents: 'as-used' });
  if (verified.manifestSha256 === reader.manifestSha256) return verified;
  throw new AirgapError('E_DIGEST', 'the bundle was changed while it was being checked', {
    hint: 'let nothing write to the bundle, and run the same command again',
    data: { at: MANIFEST_PATH, offset: 0 },
  });
}

/** Steps 1 to 5. */
async function verifyHead<Signer>(
  input: OrderedInput,
  options: VerifyOptions<Signer>,
  volumes?: Volumes,
): Promise<AcceptedBundle<Signer>> {
  const preamble = await readPreamble(input, volumes?.volumeAt);
  const accepted = acceptPreamble(preamble, options);
  const { layout } = accepted;
  const { bundle } = layout.manifest;
  const policy = typeof options.policy === 'function' ? await options.policy(bundle) : (options.policy ?? {});
  for (const warning of checkPolicy(layout, accepted.manifestSha256, policy)) {
    options.report({ type: 'warning', ...warning });
  }
  const blobs = layout.entries.length - layout.firstFile;
  options.report({ type: 'total', images: 0, blobs, bytes: layout.endAt - input.position });
  return accepted;
}

/** Step 8. */
async function verifyContent(
  accepted: AcceptedBundle,
  files: LayoutFiles | undefined,
  options: VerifyOptions,
  volumeAt?: VolumeAt,
): Promise<void> {
  const { layout } = accepted;
  try {
    if (options.oci !== undefined && files !== undefined)
      await checkOciLayout(files, await ociOptions(files, options.oci));
  } catch (error) {
    if (!isAirgapError(error, 'E_OCI', 'E_MANIFEST')) throw error;
    throw withPlace(error, layout, volumeAt);
  }
  if (options.openBaseFile !== undefined) await checkBaseFiles(layout.manifest, options.openBaseFile, options.signal);
}

async function ociOptions(files: LayoutFiles, oci: OciCheckOptions | OciExpectations): Promise<OciCheckOptions> {
  if (!('path' in oci)) return oci;
  return oci.optionsOf(files.find(oci.path) === undefined ? undefined : await files.read(oci.path));
}

/** The OCI checks know files, not positions: adds where in the archive the file is. */
function withPlace(error: AirgapError, layout: BundleLayout, volumeAt: VolumeAt | undefined): AirgapError {
  const at = error.data?.['at'];
  const offset = layout.entries.find(({ path }) => path === at)?.bodyAt ?? 0;
  const volume = volumeAt?.(offset);
  return new AirgapError(error.code, error.message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    data: { at, offset, ...(volume === undefined ? {} : { volume }) },
    cause: error.cause,
  });
}

function resultOf<Signer>({ layout, manifestSha256, signers }: AcceptedBundle<Signer>): VerifiedBundle<Signer> {
  const { manifest } = layout;
  return { manifestSha256, bundle: manifest.bundle, signers, files: manifest.files.length, bytes: layout.size };
}

/** Checking is one long read: it is reported as the progress of the bundle itself. */
function reportBytes(accepted: AcceptedBundle, { report }: VerifyOptions, bytes: number): void {
  const { manifestSha256, layout } = accepted;
  report({ type: 'blob', digest: `sha256:${manifestSha256}`, size: layout.size, bytes, done: false });
}
