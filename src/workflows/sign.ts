import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { parseManifest } from '../bundle/manifest.ts';
import { openBundle } from '../bundle/reader.ts';
import { RECEIPT_STATEMENT, statementFor } from '../bundle/statement.ts';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { receiptIn, type SignedReceipt } from './base-receipt.ts';
import { acceptUnsigned, type BundleSigner } from './signer.ts';

/**
 * Makes a signature over the bundle manifest of a bundle, over one that lies by itself, or over a receipt of the far side.
 * Nothing is written. `manifestSha256` is that of the bundle it is about.
 */
export async function signExisting(
  path: string,
  signer: BundleSigner,
  ctx: RunContext,
): Promise<{ readonly signature: Uint8Array; readonly manifestSha256: string }> {
  const manifest = (await startsWithBrace(path)) ? await readFile(path) : await manifestOf(path);
  const receipt = receiptIn(manifest, path);
  if (receipt !== undefined) return signReceipt(manifest, receipt, signer);
  const { bundle } = parseManifest(manifest);
  const [signature] = await signer.sign(manifest, bundle, ctx);
  if (signature === undefined || !signer.accepts(manifest, [signature])) {
    throw new AirgapError('E_SIGNATURE', 'the signature just made is not accepted by its own check', {
      hint: 'the key file may be damaged',
    });
  }
  return { signature, manifestSha256: createHash('sha256').update(manifest).digest('hex') };
}

async function signReceipt(bytes: Uint8Array, { bundle }: SignedReceipt, signer: BundleSigner) {
  const { manifestSha256, ...identity } = bundle;
  const signature = await signer.signStatement?.(statementFor(bytes, identity, RECEIPT_STATEMENT));
  if (signature === undefined) throw new Error('this signer signs no receipts');
  return { signature, manifestSha256 };
}

async function manifestOf(path: string): Promise<Buffer> {
  const reader = await openBundle([path], { accept: acceptUnsigned });
  try {
    return reader.manifestBytes;
  } finally {
    reader.close();
  }
}

/** A bundle manifest is a JSON object; a bundle begins with a file name. */
async function startsWithBrace(path: string): Promise<boolean> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, 0);
    return bytesRead === 1 && buffer[0] === '{'.charCodeAt(0);
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_USAGE', `${path} can not be read: ${systemProblem(code)}`, {
      hint: 'give a bundle, its bundle manifest, or a receipt',
      cause: error,
    });
  }
}
