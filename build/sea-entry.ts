// The CLI as one file: commands come from a table made at build time, nothing is looked for on the disk.
import { commands as modules } from 'airgap:commands';
import { dirname } from 'node:path';
import v8 from 'node:v8';
import { execute } from '@oclif/core/execute';
import type { Command } from '@oclif/core/command';
import type { Plugin } from '@oclif/core/interfaces';
import manifest from '../oclif.manifest.json' with { type: 'json' };
import packageData from '../package.json' with { type: 'json' };

// As in bin/run.js: buffers are let go of early.
v8.setFlagsFromString('--max-semi-space-size=1');

const root = dirname(process.execPath);
const commands = Object.values(manifest.commands).map((command) => ({
  ...command,
  load: () => loadCommand(command.id),
})) as unknown as Command.Loadable[];

const plugin = {
  _base: '',
  alias: packageData.name,
  commandIDs: Object.keys(manifest.commands),
  commands,
  commandsDir: undefined,
  findCommand: loadCommand,
  hasManifest: true,
  hooks: {},
  isRoot: true,
  load: async () => undefined,
  moduleType: 'commonjs',
  name: packageData.name,
  options: { root },
  pjson: packageData,
  root,
  topics: [],
  type: 'core',
  valid: true,
  version: packageData.version,
} as unknown as Plugin;

async function loadCommand(id: string): Promise<Command.Class> {
  const { default: command } = await modules[id]!();
  command.id = id;
  command.plugin = plugin;
  return command;
}

void execute({ loadOptions: { root, plugins: new Map([[plugin.name, plugin]]) } });
