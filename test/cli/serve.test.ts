/** `airgap serve` as a process: what it prints, and how it ends. */
import assert from 'node:assert/strict';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { image } from '../support/images.ts';
import { resultOf, runCli, startCli, temporaryFolder } from '../support/run-cli.ts';
import { bundleOf, bytesOfBundle, writeBundle } from '../support/served-bundle.ts';

const app = image().layer('etc/x', 'y').build();
const BYTES = bytesOfBundle(bundleOf([{ content: app, repository: 'team/app', tag: 'v1' }]));

function serve(t: TestContext, ...more: string[]) {
  const [bundle] = writeBundle(t, BYTES);
  const cwd = temporaryFolder(t);
  const child = startCli(['serve', bundle!, '--insecure-unsigned', '--listen', '127.0.0.1:0', ...more], { cwd });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

test('the address is the first line of the output, and Ctrl-C ends it as done', async (t) => {
  const child = serve(t);
  const result = resultOf(child);
  const [url] = (await new Promise<string>((resolve) => createInterface(child.stdout!).once('line', resolve))).split(
    '\n',
  );
  const answer = await fetch(`${url}/v2/team/app/tags/list`);
  assert.deepEqual(await answer.json(), { name: 'team/app', tags: ['v1'] });
  child.kill('SIGINT');
  const { status, stdout, stderr } = await result;
  assert.equal(status, 0);
  assert.equal(stdout, `${url}\n`);
  assert.match(stderr, /✓ serve: 1 requests answered/);
});

test('with --json the result is one document, and requests are events', async (t) => {
  const child = serve(t, '--json', '--log-format', 'json', '--verbose');
  const result = resultOf(child);
  let events = '';
  const listening = new Promise<void>((resolve) => {
    child.stderr!.on('data', (text: string) => {
      events += text;
      if (events.includes('"name":"serve","state":"started"')) resolve();
    });
  });
  await listening;
  child.kill('SIGTERM');
  const { status, stdout } = await result;
  assert.equal(status, 0);
  const { ok, url, images, repositories, requests } = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual([ok, images, repositories, requests], [true, 1, 1, 0]);
  assert.match(String(url), /^http:\/\/127\.0\.0\.1:\d+$/);
});

test('nobody to trust, an address for everybody, or a key without its certificate is refused', async (t) => {
  const cwd = temporaryFolder(t);
  writeFileSync(join(cwd, 'trip.tar'), BYTES);
  const refusals: readonly [string[], RegExp][] = [
    [['--listen', '127.0.0.1:0'], /nothing says whose signature/],
    [['--insecure-unsigned', '--listen', '0.0.0.0:0'], /others can reach this address/],
    [['--insecure-unsigned', '--listen', 'here'], /is no address/],
    [['--insecure-unsigned', '--tls-key', 'k.pem'], /tls-cert/],
  ];
  for (const [flags, message] of refusals) {
    const { status, stderr } = await runCli(['serve', 'trip.tar', ...flags], { cwd });
    assert.equal(status, 2, flags.join(' '));
    assert.match(stderr, message);
  }
});
