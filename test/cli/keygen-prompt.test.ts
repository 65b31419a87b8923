/** What a person types for a new key. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonOf } from '../support/packing.ts';
import { ENTRY, runCli, temporaryFolder } from '../support/run-cli.ts';
import { openTerminal } from '../support/terminal.ts';

const TYPED: readonly (readonly [what: string, passwords: readonly string[], end: RegExp, isMade: boolean])[] = [
  ['the same twice makes a key', ['secret', 'secret'], /private key +k\.key[^]*ended with 0/, true],
  ['a slip makes none', ['secret', 'sceret'], /E_USAGE: the two passwords differ[^]*ended with 2/, false],
  ['nothing makes none', [''], /E_USAGE: an empty password[^]*--plain[^]*ended with 2/, false],
];
for (const [what, passwords, end, isMade] of TYPED) {
  test(`a password for a new key is asked for twice: ${what}`, async (t) => {
    const folder = temporaryFolder(t);
    const terminal = openTerminal(t, folder, [ENTRY, 'keygen', '--out-prefix', 'k']);
    if (terminal === undefined) return;
    for (const [index, password] of passwords.entries()) {
      await terminal.until(index === 0 ? /new key:/ : /once more:/);
      terminal.press(...password, 'Enter');
    }
    assert.doesNotMatch(await terminal.until(end), /secret|sceret/);
    assert.equal(existsSync(join(folder, 'k.key')), isMade);
  });
}

test('without a terminal the ways to give it are named', async (t) => {
  const result = await runCli(['keygen', '--json'], { cwd: temporaryFolder(t) });
  assert.equal(result.status, 2);
  assert.match(String(jsonOf(result)['hint']), /--password-file.*AIRGAP_KEY_PASSWORD.*--plain/);
});
