import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where programs built for tests are kept: outside the checkout, so that a fresh clone needs no second build. */
export const CACHE_DIR = process.env['AIRGAP_TEST_CACHE'] ?? join(homedir(), '.cache', 'airgap-test');
