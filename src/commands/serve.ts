import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { AirgapCommand } from '../cli/command.ts';
import { policyFlags, trustFlags } from '../cli/flags.ts';
import { listenOptions } from '../cli/listen.ts';
import { acceptanceOptions } from '../cli/trust.ts';
import type { ServeResult } from '../workflows/serve.ts';

export default class Serve extends AirgapCommand {
  static override summary = 'Show a bundle as a read-only registry, without extracting it.';
  static override description = `Checks signature, layout and image closure, then answers pulls straight from the file or its volumes, under the names the
images would have in the target registry. Every content is hashed while it is sent; a damaged one ends as an error or a broken
connection, never as a complete wrong body. Reading needs no login. Ctrl-C ends it: transfers under way get ten seconds.`;
  static override examples = [
    '<%= config.bin %> <%= command.id %> trip.tar --key release.pub',
    '<%= config.bin %> <%= command.id %> trip.tar.0* --key release.pub --listen 0.0.0.0:8443 --tls-cert server.pem --tls-key server.key',
    'crane pull 127.0.0.1:5000/ubi9/ubi:latest ubi.tar',
  ];
  static override strict = false;
  static override args = {
    bundle: Args.string({ required: true, description: 'bundle file, or its volumes in any order' }),
  };
  static override flags = {
    listen: Flags.string({
      default: '127.0.0.1:5000',
      helpValue: 'HOST:PORT',
      description: 'address to listen on; one that others can reach needs TLS or --plain-http',
    }),
    'tls-cert': Flags.string({ dependsOn: ['tls-key'], helpValue: 'FILE', description: 'certificate with its chain' }),
    'tls-key': Flags.string({ dependsOn: ['tls-cert'], helpValue: 'FILE', description: 'private key of it' }),
    'plain-http': Flags.boolean({
      exclusive: ['tls-cert'],
      description: 'serve without encryption on an address others can reach',
    }),
    ...trustFlags,
    ...policyFlags,
  };

  async run(): Promise<ServeResult> {
    const { argv, flags } = await this.parse(Serve);
    const ctx = await this.startRun(flags);
    const listen = await listenOptions(flags);
    const { serveBundle } = await import('../workflows/serve.ts');
    return serveBundle(
      {
        ...(await acceptanceOptions(flags, this.env)),
        ...listen,
        paths: argv as string[],
        onListening: (url) => this.log(url),
      },
      ctx,
    );
  }
}
