/** Made by build/sea.mjs from oclif.manifest.json: command id → its module. */
declare module 'airgap:commands' {
  import type { Command } from '@oclif/core/command';
  export const commands: Readonly<Record<string, () => Promise<{ default: Command.Class }>>>;
}
