import { readFile } from 'node:fs/promises';
import { acceptSignatures } from '../bundle/signature.ts';
import { RECEIPT_STATEMENT } from '../bundle/statement.ts';
import type { Trust } from '../bundle/trust.ts';
import type { BundleBase, BundleIdentity } from '../bundle/manifest.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { AirgapError, isAirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import { hexOf } from '../oci/digest.ts';
import { isRepositoryPath } from '../oci/reference.ts';
import type { BundleEntry } from './bundle-content.ts';
import { ReceiptSchema, type Receipt } from './receipt.ts';

/** A receipt of a bundle: only such a one can be signed, and be the base of another bundle. */
export type SignedReceipt = Receipt & { readonly bundle: NonNullable<Receipt['bundle']> };

/** What is left out of a bundle, since the far side has shown that it is there. */
export interface Base {
  readonly bundle: BundleBase;
  /** Stream of the bundle that brought it. */
  readonly name: string;
  /** `host[:port]` of the registry that has it. */
  readonly registry: string;
  /** sha256 in hex → size, and one repository of that registry. */
  readonly blobs: ReadonlyMap<string, { readonly size: number; readonly repository: string }>;
}

/** The receipt in a JSON document; undefined when it is none. Throws `E_USAGE` for one that is damaged or of no bundle. */
export function receiptIn(bytes: Uint8Array, origin: string): SignedReceipt | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  if ((json as { kind?: unknown } | null)?.kind !== 'Receipt') return undefined;
  const parsed = ReceiptSchema.safeParse(json);
  if (parsed.success && parsed.data.bundle !== undefined) return { ...parsed.data, bundle: parsed.data.bundle };
  throw new AirgapError(
    'E_USAGE',
    `${origin}: ${parsed.success ? 'a receipt without a bundle' : 'a damaged receipt'}`,
    {
      hint: 'take the receipt that unpack wrote',
    },
  );
}

/**
 * Reads a receipt and checks its signature: only what the far side vouches for is left out of a bundle. Throws `E_USAGE` for
 * files that can not be read or are no receipt, `E_SIGNATURE` when nobody trusted signed it.
 */
export async function readBase(
  paths: { readonly receipt: string; readonly signature: string },
  trust: Trust,
): Promise<Base> {
  const bytes = await readBytes(paths.receipt, '--base');
  const signature = await readBytes(paths.signature, '--base-signature');
  const stated = acceptReceipt(bytes, signature, { trust, origin: paths.receipt });
  const receipt = receiptIn(bytes, paths.receipt);
  if (receipt === undefined) {
    throw new AirgapError('E_USAGE', `${paths.receipt} is no receipt`, { hint: 'give the receipt that unpack wrote' });
  }
  const { manifestSha256, ...identity } = receipt.bundle;
  if (canonicalJson(stated) !== canonicalJson(identity)) {
    throw new AirgapError('E_SIGNATURE', `${paths.signature} states another bundle than ${paths.receipt}`, {
      hint: 'do not use this receipt; have it signed again with airgap sign',
    });
  }
  const { serial, name } = identity;
  const registry = receipt.registry.split('/')[0]!;
  /** Only what can be found there again; the rest is carried. */
  const pathsIn = (repositories: readonly string[]): string[] =>
    repositories
      .filter((repository) => repository.startsWith(`${registry}/`))
      .map((repository) => repository.slice(registry.length + 1))
      .filter((path) => isRepositoryPath(path));
  return {
    bundle: { manifestSha256, serial },
    name,
    registry,
    blobs: new Map(
      receipt.content.blobs.flatMap(({ digest, size, repositories }) =>
        pathsIn(repositories)
          .slice(0, 1)
          .map((repository) => [hexOf(digest), { size, repository }]),
      ),
    ),
  };
}

/** The bundle that an accepted signature says the receipt is of. */
function acceptReceipt(
  bytes: Uint8Array,
  signature: Uint8Array,
  { trust, origin }: { readonly trust: Trust; readonly origin: string },
): BundleIdentity {
  try {
    return acceptSignatures(bytes, [signature], trust, RECEIPT_STATEMENT).bundle;
  } catch (error) {
    if (!isAirgapError(error, 'E_SIGNATURE')) throw error;
    throw new AirgapError('E_SIGNATURE', `the receipt ${origin}: ${error.message}`, {
      hint: 'the far side signs the receipt as it is (airgap sign); --base-key is the public key of that signature',
      cause: error,
      ...(error.data === undefined ? {} : { data: error.data }),
    });
  }
}

/** Whether the far side has the content of an entry. Manifests are carried always: the far side works from them. */
export function isInBase(entry: BundleEntry, base: Base | undefined): boolean {
  return 'blob' in entry && base?.blobs.get(entry.sha256)?.size === entry.size;
}

async function readBytes(path: string, flag: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_USAGE', `${path} can not be read: ${systemProblem(code)}`, {
      hint: `correct ${flag}`,
      cause: error,
    });
  }
}
