#!/usr/bin/env node
// Production entry: the built commands in dist/.
import module from 'node:module';
import v8 from 'node:v8';

const [major, minor] = process.versions.node.split('.').map(Number);
if (!((major === 24 && minor >= 15) || major >= 26)) {
  process.stderr.write(
    `airgap needs Node 24.15 or newer, this is ${process.versions.node}.\n` +
      '  fix: start it with "npx airgap" in a checkout (Node comes with npm ci), or install Node 24\n',
  );
  process.exit(1);
}

// Bytes flow through; little is kept. A small young generation lets go of their buffers early (measured: a quarter less memory).
v8.setFlagsFromString('--max-semi-space-size=1');
module.enableCompileCache();
const { execute } = await import('@oclif/core/execute');
await execute({ dir: import.meta.url });
