import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { AirgapError, systemCodeOf, systemProblem } from '../core/errors.ts';

/**
 * Where the password of a key comes from, first match: `--password-file`, AIRGAP_KEY_PASSWORD, COSIGN_PASSWORD, a prompt
 * on a terminal. Never a command-line argument. (signing, "Private key files")
 */
export function passwordProvider(
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): (question: string) => Promise<string> {
  return async (question) => {
    if (file !== undefined) return readPasswordFile(file);
    const fromEnv = env['AIRGAP_KEY_PASSWORD'] ?? env['COSIGN_PASSWORD'];
    if (fromEnv !== undefined) return fromEnv;
    if (process.stdin.isTTY && process.stderr.isTTY) return prompt(question);
    throw new AirgapError('E_USAGE', 'the key is encrypted and no password was given', {
      hint: 'give --password-file FILE, or set AIRGAP_KEY_PASSWORD, or run it on a terminal',
    });
  };
}

async function readPasswordFile(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_USAGE', `password file ${file} can not be read: ${systemProblem(code)}`, {
      hint: 'correct --password-file',
      cause: error,
    });
  }
}

async function prompt(question: string): Promise<string> {
  process.stderr.write(`${question}: `);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
