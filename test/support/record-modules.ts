/**
 * Preloaded into a run of the CLI (`NODE_OPTIONS=--import=…`): writes the URL of every module that is loaded to the file
 * AIRGAP_TEST_MODULES names.
 */
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const path = process.env['AIRGAP_TEST_MODULES'];
if (path !== undefined) {
  registerHooks({
    load(url, context, nextLoad) {
      appendFileSync(path, `${url}\n`);
      return nextLoad(url, context);
    },
  });
}
