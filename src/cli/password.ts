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
    const given = await givenPassword(file, env);
    if (given !== undefined) return given;
    if (canPrompt()) return prompt(question);
    throw new AirgapError('E_USAGE', 'the key is encrypted and no password was given', {
      hint: 'give --password-file FILE, or set AIRGAP_KEY_PASSWORD, or run it on a terminal',
    });
  };
}

/**
 * The password a new key gets, from the same places. Typed, it is asked for twice: a slip nobody saw would make the key useless.
 * Throws `E_USAGE` when the two differ, or nothing is typed.
 */
export async function newPassword(file: string | undefined, env: NodeJS.ProcessEnv): Promise<string> {
  const given = await givenPassword(file, env);
  if (given !== undefined) return given;
  if (!canPrompt()) {
    throw new AirgapError('E_USAGE', 'no password for the new key was given', {
      hint: 'give --password-file FILE, or set AIRGAP_KEY_PASSWORD, or run it on a terminal, or on purpose --plain',
    });
  }
  const password = await prompt('password for the new key');
  if (password === '') {
    throw new AirgapError('E_USAGE', 'an empty password protects nothing', {
      hint: 'type one, or leave the key unencrypted on purpose with --plain',
    });
  }
  if ((await prompt('the same once more')) === password) return password;
  throw new AirgapError('E_USAGE', 'the two passwords differ', { hint: 'run the same command again; no key was made' });
}

function canPrompt(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

async function givenPassword(file: string | undefined, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return file === undefined ? (env['AIRGAP_KEY_PASSWORD'] ?? env['COSIGN_PASSWORD']) : readPasswordFile(file);
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
