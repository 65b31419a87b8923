import { listAt, textAt, type KubeObject } from './kube-object.ts';

/** Reasons of a waiting container that do not go away by waiting for it alone. */
const PROBLEMS: ReadonlySet<string> = new Set([
  'ImagePullBackOff',
  'ErrImagePull',
  'InvalidImageName',
  'CrashLoopBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
]);

/** What keeps a pod from running, as its containers report it (`ImagePullBackOff: …`), or undefined. */
export function podProblem(pod: KubeObject): string | undefined {
  const statuses = [...listAt(pod, 'status', 'initContainerStatuses'), ...listAt(pod, 'status', 'containerStatuses')];
  for (const status of statuses) {
    const reason = textAt(status, 'state', 'waiting', 'reason');
    if (reason === undefined || !PROBLEMS.has(reason)) continue;
    const message = textAt(status, 'state', 'waiting', 'message');
    return `Pod/${pod.metadata.name}: ${reason}${message === undefined ? '' : `: ${message}`}`;
  }
  return undefined;
}
