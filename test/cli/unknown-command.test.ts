import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCli } from '../support/run-cli.ts';

test('a misspelt command is wrong usage and the nearest one is named', async () => {
  const { status, stdout, stderr } = await runCli(['veryfi', 'x.tar']);
  assert.deepEqual([status, stdout], [2, '']);
  assert.match(stderr, /no command "veryfi"/);
  assert.match(stderr, /airgap verify/);
});
