/** The other parties on a cluster, played by tests: other field managers and the controllers that set status. */
import { openKubeConnection } from '../../src/apply/kube.ts';
import { text } from 'node:stream/consumers';
import { createDiscovery } from '../../src/apply/kube-discovery.ts';
import type { KubeObject } from '../../src/apply/kube-object.ts';
import type { SharedServer } from './apiserver-shared.ts';

/** Server-side apply under another manager's name. */
export async function writeAs(
  server: Pick<SharedServer, 'kubeconfig'>,
  manager: string,
  object: KubeObject,
): Promise<void> {
  const connection = openKubeConnection({ files: [server.kubeconfig] });
  const send = async (method: 'GET' | 'PATCH', path: string, body?: unknown) => {
    const answer = await connection.send({
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
  const kind = await createDiscovery().kind((path) => send('GET', path), object.apiVersion, object.kind);
  if (kind === undefined) throw new Error(`${object.kind} is not served`);
  const { namespace, name } = object.metadata;
  const within = namespace === undefined ? '' : `/namespaces/${namespace}`;
  await send('PATCH', `${kind.root}${within}/${kind.plural}/${name}?fieldManager=${manager}&force=true`, object);
  connection.close();
}
