import { X509Certificate } from 'node:crypto';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { BundleIdentity } from '../bundle/manifest.ts';
import { openBundle, type BundleReader } from '../bundle/reader.ts';
import { AirgapError, systemCodeOf } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import type { PlanFile } from '../mirror/plan-file.ts';
import { indexContent, type ServedContent } from '../registry/served-content.ts';
import { createRegistryHandler, type RegistryHandler } from '../registry/server.ts';
import { blameVolumes } from './blame-volumes.ts';
import { readPlanFile, type AcceptanceOptions } from './bundle-policy.ts';
import { acceptFor } from './signer.ts';
import { openArchiveSource } from './oc-mirror/archive-source.ts';
import { stage } from './stage.ts';
import { verifyStage } from './verify-stage.ts';

/** Transfers under way may finish within this time when the server is stopped. */
const GRACE_MS = 10_000;
const IDLE_CHECK_MS = 50;

export interface ServeOptions extends AcceptanceOptions {
  /** Bundle file or its volumes. */
  readonly paths: readonly string[];
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** PEM texts; absent: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Called once, with the address clients use. */
  readonly onListening: (url: string) => void;
}

export interface ServeResult {
  readonly ok: true;
  readonly url: string;
  readonly bundle: BundleIdentity;
  readonly manifestSha256: string;
  readonly repositories: number;
  readonly images: number;
  /** Requests answered. */
  readonly requests: number;
}

/**
 * Shows a bundle as a read-only registry until the signal aborts. Signatures, policy, layout and image closure are checked
 * before anything listens; every content is hashed while it is sent. Nothing is written. Throws the errors of `verify`, and
 * `E_USAGE` when it can not listen.
 */
export async function serveBundle(options: ServeOptions, ctx: RunContext): Promise<ServeResult> {
  const reader = await openBundle(options.paths, {
    accept: acceptFor(options.trust),
    detachedSignatures: options.detached,
  });
  try {
    const plan = await planOf(reader);
    await blameVolumes(options.paths, ctx, () => verifyStage({ reader, plan }, options, ctx));
    const content = await stage('listen', ctx, async () => {
      const source = plan.engine === undefined ? reader : await openArchiveSource(reader, plan.engine);
      const result = await indexContent(source, namesOf(plan), ctx.signal);
      return { result, detail: `${plan.images.length} images in ${result.repositories.size} repositories` };
    });
    return await serveContent(content, reader, plan, { ...options, ...ctx });
  } finally {
    reader.close();
  }
}

async function planOf(reader: BundleReader): Promise<PlanFile> {
  if (reader.manifest.base !== undefined) {
    throw new AirgapError('E_BASE', 'the bundle holds only what differs from its base; it can not be served alone', {
      hint: 'unpack it on top of its base, or serve a complete bundle',
    });
  }
  const plan = await readPlanFile(reader);
  if (plan !== undefined) return plan;
  throw new AirgapError('E_MANIFEST', 'the bundle has no plan.json and nothing says what its images are called', {
    hint: 'use a bundle made by airgap pack',
  });
}

function namesOf(plan: PlanFile): { repository: string; tag: string | undefined; root: PlanRoot }[] {
  return plan.images.map(({ target, mediaType, digest, size }) => ({
    repository: target.repository,
    tag: target.tag,
    root: { mediaType, digest, size },
  }));
}

type PlanRoot = Pick<PlanFile['images'][number], 'mediaType' | 'digest' | 'size'>;

async function serveContent(
  content: ServedContent,
  reader: BundleReader,
  plan: PlanFile,
  options: ServeOptions & RunContext,
): Promise<ServeResult> {
  let requests = 0;
  // Not the signal of the run: transfers under way go on for a while after it.
  const broken = new AbortController();
  const handler = createRegistryHandler(content, {
    signal: broken.signal,
    onAnswer(answer) {
      requests += 1;
      options.report({ type: 'request', ...answer });
    },
    onFailure(error) {
      const code = error instanceof AirgapError ? error.code : 'E_TRUNCATED';
      options.report({ type: 'warning', code, message: `not given out: ${error.message}` });
    },
  });
  const { server, defect } = createServer(handler, options.tls);
  const url = await listen(server, options);
  options.onListening(url);
  await stage('serve', options, async () => {
    try {
      await Promise.race([stopped(options.signal), defect]);
    } finally {
      await close(server, broken);
    }
    return { result: undefined, detail: `${requests} requests answered` };
  });
  const { bundle } = reader.manifest;
  const { manifestSha256 } = reader;
  return {
    ok: true,
    url,
    bundle,
    manifestSha256,
    repositories: content.repositories.size,
    images: plan.images.length,
    requests,
  };
}

function createServer(
  handler: RegistryHandler,
  tls: ServeOptions['tls'],
): { readonly server: Server; readonly defect: Promise<never> } {
  const { promise: defect, reject } = Promise.withResolvers<never>();
  const listener: RequestListener = (request, response) => void handler(request, response).catch(reject);
  if (tls === undefined) return { server: createHttpServer(listener), defect };
  try {
    // Node listens without any certificate too, and refuses every client.
    void new X509Certificate(tls.cert);
    return { server: createHttpsServer(tls, listener), defect };
  } catch (error) {
    if (systemCodeOf(error) === undefined) throw error;
    throw new AirgapError('E_USAGE', `the certificate and its key can not be used: ${(error as Error).message}`, {
      hint: 'give PEM files that belong together: --tls-cert with the certificate first, then its chain; --tls-key',
      cause: error,
    });
  }
}

async function listen(server: Server, { host, port, tls }: ServeOptions): Promise<string> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === undefined) throw error;
    throw new AirgapError('E_USAGE', `can not listen on ${host}:${port}: ${code}`, {
      hint: code === 'EADDRINUSE' ? 'another program uses this port: choose one with --listen' : 'correct --listen',
      cause: error,
    });
  }
  const address = server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return `${tls === undefined ? 'http' : 'https'}://${name}:${address.port}`;
}

async function stopped(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

async function close(server: Server, broken: AbortController): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // A connection whose transfer ends now would be kept open for its client's next request.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
  const timer = setTimeout(() => {
    broken.abort();
    server.closeAllConnections();
  }, GRACE_MS);
  await closed;
  clearTimeout(timer);
  clearInterval(idle);
}
