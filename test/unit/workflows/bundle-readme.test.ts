import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundleReadme, type ReadmeFacts } from '../../../src/workflows/bundle-readme.ts';

const FACTS: ReadmeFacts = {
  name: 'ocp-prod',
  serial: 7,
  createdAt: '2026-11-22T16:00:00Z',
  images: 3,
  bytes: 4096,
  certificates: [],
  gaps: 0,
  tools: [],
};

test('README.txt is ASCII of at most 100 columns and says nothing of a tool that is not inside', () => {
  const text = bundleReadme(FACTS).toString();
  assert.match(text, /^[\n -~]+$/);
  assert.ok(!text.includes('tool/'));
  for (const line of text.split('\n')) assert.ok(line.length <= 100, line);
});

test('README.txt says on top of which bundle it comes', () => {
  assert.ok(!bundleReadme(FACTS).toString().includes('base.json'));
  const text = bundleReadme({ ...FACTS, base: 6 }).toString();
  assert.match(text, /^Content that arrived with serial 6 is not in it/m);
  for (const line of text.split('\n')) assert.ok(line.length <= 100, line);
});

test('README.txt says for which machine each executable is, and what a shell prints on another one', () => {
  const tools = ['linux-arm64', 'linux-x64'].map((platform) => ({
    path: `tool/airgap-${platform}`,
    sha256: platform.length.toString(16).repeat(64).slice(0, 64),
  }));
  const text = bundleReadme({ ...FACTS, tools }).toString();
  assert.match(text, /^ {2}Linux aarch64: tool\/airgap-linux-arm64$/m);
  assert.match(text, /^ {2}Linux x86_64: tool\/airgap-linux-x64$/m);
  assert.match(text, /^ {2}chmod \+x tool\/airgap-linux-x64$/m, 'the usual machine is the example');
  assert.match(text, /"cannot execute binary file: Exec format error"/);
  for (const { path, sha256 } of tools) assert.ok(text.includes(`  ${sha256}  ${path}\n`));
  for (const line of text.split('\n').filter((one) => !/[0-9a-f]{64}/.test(one))) assert.ok(line.length <= 100, line);
});
