import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { parseManifest } from '../bundle/manifest.ts';
import { openBundle } from '../bundle/reader.ts';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { acceptUnsigned, type BundleSigner } from './signer.ts';

/** Makes a signature over the bundle manifest of a bundle, or over one that lies by itself. Nothing is written. */
export async function signExisting(
  path: string,
  signer: BundleSigner,
  ctx: RunContext,
): Promise<{ readonly signature: Uint8Array; readonly manifestSha256: string }> {
  const manifest = (await startsWithBrace(path)) ? await readFile(path) : await manifestOf(path);
  const { bundle } = parseManifest(manifest);
  const [signature] = await signer.sign(manifest, bundle, ctx);
  if (signature === undefined || !signer.accepts(manifest, [signature])) {
    throw new AirgapError('E_SIGNATURE', 'the signature just made is not accepted by its own check', {
      hint: 'the key file may be damaged',
    });
  }
  return { signature, manifestSha256: createHash('sha256').update(manifest).digest('hex') };
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
    throw new AirgapError('E_USAGE', `${path} can not be read: ${code}`, {
      hint: 'give a bundle or its manifest',
      cause: error,
    });
  }
}
