/** Starts what all test files of a run share (`node --test --test-global-setup=…`). */
import { startSharedApiServer } from './apiserver-shared.ts';

let stop: (() => Promise<void>) | undefined;

export async function globalSetup(): Promise<void> {
  stop = await startSharedApiServer();
}

export async function globalTeardown(): Promise<void> {
  await stop?.();
}
