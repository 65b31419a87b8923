import type { KubeClient } from './kube-client.ts';
import type { KubeObject } from './kube-object.ts';
import type { ManagementInput } from './management-input.ts';

/** One result of the checks before the first write. */
export interface Finding {
  readonly level: 'error' | 'warning' | 'information';
  readonly message: string;
  readonly hint?: string;
}

/** What a check may look at. */
export interface PreflightQuestion {
  readonly client: KubeClient;
  readonly input: ManagementInput;
  readonly resources: readonly KubeObject[];
}

/** Something the run must not begin with. */
export function errorFinding(message: string, hint?: string): Finding {
  return { level: 'error', message, ...(hint === undefined ? {} : { hint }) };
}

/** Something a person should know; the run goes on. */
export function warningFinding(message: string, hint?: string): Finding {
  return { level: 'warning', message, ...(hint === undefined ? {} : { hint }) };
}
