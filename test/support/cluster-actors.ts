/** The other parties on a cluster, played by tests: writers under another field manager's name. */
import { text } from 'node:stream/consumers';
import { createDiscovery, type Discovery } from '../../src/apply/kube-discovery.ts';
import { openKubeConnection, withQuery, type KubeConnection } from '../../src/apply/kube.ts';
import type { KubeObject } from '../../src/apply/kube-object.ts';
import type { SharedServer } from './apiserver-shared.ts';

/** Connections and discovery are kept per server; a test writes many objects in another's name. */
const known = new Map<string, { readonly connection: KubeConnection; readonly discovery: Discovery }>();

/** Server-side apply under another manager's name. */
export async function writeAs(
  server: Pick<SharedServer, 'kubeconfig'>,
  manager: string,
  object: KubeObject,
): Promise<void> {
  const writer = known.get(server.kubeconfig) ?? {
    connection: openKubeConnection({ files: [server.kubeconfig] }),
    discovery: createDiscovery(),
  };
  known.set(server.kubeconfig, writer);
  const send = async (method: 'GET' | 'PATCH', path: string, body?: unknown) => {
    const answer = await writer.connection.send({
      method,
      path,
      body,
      contentType: 'application/apply-patch+yaml',
      signal: AbortSignal.timeout(30_000),
      idleMs: 30_000,
    });
    const content = await text(answer);
    if ((answer.statusCode ?? 0) >= 400) throw new Error(content);
    return content;
  };
  const kind = await writer.discovery.kind((path) => send('GET', path), object.apiVersion, object.kind);
  if (kind === undefined) throw new Error(`${object.kind} is not served`);
  const { namespace, name } = object.metadata;
  const within = namespace === undefined ? '' : `/namespaces/${namespace}`;
  await send(
    'PATCH',
    withQuery(`${kind.root}${within}/${kind.plural}/${name}`, { fieldManager: manager, force: 'true' }),
    object,
  );
}
