import { after, type TestContext } from 'node:test';
import { acquireApiServer, type SharedServer } from './apiserver-shared.ts';
import { findApiServer, findCrds } from './apiserver-programs.ts';

/**
 * The server all tests of a file share. Skips the test with the reason when the programs are not there; with
 * AIRGAP_REQUIRE_REAL=1 that is a failure.
 */
export async function needApiServer(test: TestContext): Promise<SharedServer | undefined> {
  if (findApiServer() === undefined || findCrds() === undefined) {
    const message = 'needs kube-apiserver, etcd and the CRDs: run "npm run components" or set KUBEBUILDER_ASSETS';
    if (process.env['AIRGAP_REQUIRE_REAL'] === '1') throw new Error(message);
    test.skip(message);
    return undefined;
  }
  held ??= acquireApiServer();
  return (await held).server;
}

let held: ReturnType<typeof acquireApiServer> | undefined;

// Registered for the whole file: inside a test it would end with that test.
after(async () => (await held)?.release());
