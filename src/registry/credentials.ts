import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { AirgapError, isAirgapError, systemCodeOf } from '../core/errors.ts';

/** What a registry or its token service is shown. `key` names the entry it came from, and never the secret. */
export type Credentials =
  | { readonly kind: 'basic'; readonly key: string; readonly username: string; readonly password: string }
  | { readonly kind: 'identity'; readonly key: string; readonly token: string };

export interface CredentialStore {
  /**
   * The credentials for a repository: the first file that knows it, in it the most specific key
   * (`host/ns/repository`, `host/ns`, `host`). Hosts are compared as a whole, never in part.
   * Throws `E_CONFIG` naming a file that is broken, `E_FAILED` when a credential helper fails.
   */
  find(registry: string, repository: string, signal: AbortSignal): Promise<Credentials | undefined>;
  /** The files that are looked at, for messages. */
  readonly files: readonly string[];
}

const AuthFileSchema = z.looseObject({
  auths: z
    .record(
      z.string(),
      z
        .looseObject({
          auth: z.string().optional(),
          username: z.string().optional(),
          password: z.string().optional(),
          identitytoken: z.string().optional(),
        })
        .nullable(),
    )
    .nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().optional(),
});

const HelperAnswerSchema = z.looseObject({ Username: z.string(), Secret: z.string() });

interface AuthFile {
  readonly path: string;
  readonly entries: ReadonlyMap<string, Credentials>;
  readonly helpers: ReadonlyMap<string, string>;
  readonly store: string | undefined;
}

const HELPER_TIMEOUT_MS = 60_000;
/** User name by which a helper says that the secret is an identity token (docker-credential-helpers). */
const TOKEN_USER = '<token>';
/** What Docker calls its Hub in files and helpers. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';

/** Reads containers-auth.json(5) and Docker's config.json; the files are read once, when first needed. */
export function createCredentialStore(files: readonly string[]): CredentialStore {
  let loaded: Promise<AuthFile[]> | undefined;
  const fromHelpers = new Map<string, Promise<Credentials | undefined>>();
  const askOnce = (helper: string, host: string, signal: AbortSignal) => {
    const id = `${helper} ${host}`;
    const answer = fromHelpers.get(id) ?? askHelper(helper, host, signal);
    fromHelpers.set(id, answer);
    return answer;
  };
  return {
    files,
    async find(registry, repository, signal) {
      const host = normalHost(registry);
      for (const file of await (loaded ??= loadFiles(files))) {
        const helper = file.helpers.get(host);
        const found =
          (helper === undefined ? undefined : await askOnce(helper, host, signal)) ??
          mostSpecific(file.entries, host, repository) ??
          (file.store === undefined ? undefined : await askOnce(file.store, host, signal));
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

/** Names of Docker Hub's hosts as the one that credentials and references use. */
export function normalHost(registry: string): string {
  return registry === 'index.docker.io' || registry === 'registry-1.docker.io' ? 'docker.io' : registry;
}

async function loadFiles(paths: readonly string[]): Promise<AuthFile[]> {
  const files = await Promise.all(paths.map((path) => loadFile(path)));
  return files.filter((file) => file !== undefined);
}

async function loadFile(path: string): Promise<AuthFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new AirgapError('E_CONFIG', `the credential file ${path} can not be read (${code})`, {
      hint: 'check the path and its permissions, or name another one with --authfile',
      cause: error,
    });
  }
  return parseAuthFile(text, path);
}

function parseAuthFile(text: string, path: string): AuthFile {
  const document = AuthFileSchema.safeParse(parseJson(text, path));
  if (!document.success) {
    const issue = document.error.issues[0];
    throw new AirgapError('E_CONFIG', `the credential file ${path}: ${issue?.path.join('.')}: ${issue?.message}`, {
      hint: 'write it with "podman login", "skopeo login" or "docker login", or take the pull secret as it is',
    });
  }
  const { auths, credHelpers, credsStore } = document.data;
  const entries = new Map<string, Credentials>();
  for (const [key, entry] of Object.entries(auths ?? {})) {
    const credentials = entry === null ? undefined : readEntry(entry, key, path);
    // An entry in today's form beats the same host in Docker's old form, wherever it stands.
    const name = normalKey(key);
    if (credentials !== undefined && (name === key || !entries.has(name))) entries.set(name, credentials);
  }
  const helpers = Object.entries(credHelpers ?? {}).map(([host, helper]) => [normalKey(host), helper] as const);
  return { path, entries, helpers: new Map(helpers), store: credsStore === '' ? undefined : credsStore };
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // No cause: the parser's message quotes the text, which holds passwords.
    throw new AirgapError('E_CONFIG', `the credential file ${path} is not valid JSON`, {
      hint: 'correct the file or log in again',
    });
  }
}

interface AuthEntry {
  readonly auth?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly identitytoken?: string | undefined;
}

function readEntry(entry: AuthEntry, key: string, path: string): Credentials | undefined {
  if (entry.identitytoken !== undefined && entry.identitytoken !== '') {
    return { kind: 'identity', key, token: entry.identitytoken };
  }
  if (entry.auth !== undefined && entry.auth !== '') {
    const text = Buffer.from(entry.auth, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon < 1) {
      throw new AirgapError('E_CONFIG', `the credential file ${path}: the entry ${key} holds no user and password`, {
        hint: '"auth" is the base64 of user:password',
      });
    }
    // Some tools pad the password with zero bytes.
    return { kind: 'basic', key, username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
  }
  if (entry.username === undefined || entry.password === undefined) return undefined;
  return { kind: 'basic', key, username: entry.username, password: entry.password };
}

/** `https://host/v1/` and the like (Docker's old keys) as `host`; anything else without a slash at its end. */
function normalKey(key: string): string {
  const match = /^https?:\/\/([^/]+)/.exec(key) ?? /^([^/]+)\/v[12]\/$/.exec(key);
  const name = match?.[1] ?? key.replace(/\/+$/, '');
  const slash = name.indexOf('/');
  return slash < 0 ? normalHost(name) : `${normalHost(name.slice(0, slash))}${name.slice(slash)}`;
}

function mostSpecific(
  entries: ReadonlyMap<string, Credentials>,
  host: string,
  repository: string,
): Credentials | undefined {
  let key = repository === '' ? host : `${host}/${repository}`;
  for (;;) {
    const found = entries.get(key);
    if (found !== undefined) return found;
    const slash = key.lastIndexOf('/');
    if (slash < 0) return undefined;
    key = key.slice(0, slash);
  }
}

async function askHelper(helper: string, host: string, signal: AbortSignal): Promise<Credentials | undefined> {
  const program = `docker-credential-${helper}`;
  // Loaded here, because the process library costs more start-up time than all the rest and few need it.
  const { runProgram } = await import('../core/exec.ts');
  const key = host === 'docker.io' ? DOCKER_HUB_KEY : host;
  try {
    const { stdout } = await runProgram(program, ['get'], { signal, stdin: `${key}\n`, timeoutMs: HELPER_TIMEOUT_MS });
    const answer = HelperAnswerSchema.parse(JSON.parse(stdout));
    if (answer.Username === TOKEN_USER) return { kind: 'identity', key, token: answer.Secret };
    return { kind: 'basic', key, username: answer.Username, password: answer.Secret };
  } catch (error) {
    if (saysNotFound(error)) return undefined;
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      throw new AirgapError('E_FAILED', `${program} get: the answer for ${host} is not a credential document`, {
        hint: `run "${program} get" by hand with the host on its standard input, or log in without a helper`,
      });
    }
    throw error;
  }
}

/** Helpers tell "no such entry" by a fixed sentence, on stdout or stderr (docker-credential-helpers, "errors"). */
function saysNotFound(error: unknown): boolean {
  if (!isAirgapError(error, 'E_FAILED')) return false;
  const cause = error.cause as { readonly stdout?: unknown } | undefined;
  return /credentials not found/i.test(`${error.message} ${typeof cause?.stdout === 'string' ? cause.stdout : ''}`);
}
