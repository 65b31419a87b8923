import { existsSync } from 'node:fs';
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import type { KubeconfigSource } from '../apply/kube.ts';
import { AirgapError, exitStatusOf, isAbort } from '../core/errors.ts';
import type { RunContext } from '../core/events.ts';
import { errorAsJson, formatError } from './render-error.ts';
import type { Renderer } from './render.ts';

const SIGNAL_EXIT_STATUS = { SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof SIGNAL_EXIT_STATUS;

/** The base of all commands: common flags, a signal that stops everything, progress on stderr, errors to exit statuses. */
export abstract class AirgapCommand extends Command {
  static override enableJsonFlag = true;

  static override baseFlags = {
    'log-format': Flags.string({
      helpGroup: 'GLOBAL',
      options: ['text', 'json'],
      default: 'text',
      description: 'how progress is written to stderr',
    }),
    verbose: Flags.boolean({ helpGroup: 'GLOBAL', description: 'show every request' }),
  };

  /** Said when the run is stopped by a signal: what is kept and how to go on. */
  protected resumeHint: string | undefined;

  /** The environment; nothing outside `cli` and the commands reads it. */
  protected readonly env: NodeJS.ProcessEnv = process.env;

  private renderer: Renderer | undefined;
  private stoppedBy: StopSignal | undefined;
  private readonly abort = new AbortController();

  /** Signal and reporter for the workflow. Call once, after the flags are parsed. */
  protected async startRun(flags: { 'log-format': string; verbose: boolean }): Promise<RunContext> {
    const write = (text: string): void => void process.stderr.write(text);
    const options = { write, now: Date.now, verbose: flags.verbose };
    // Loaded here: usage errors and help need no renderer.
    const { createJsonRenderer, createLineRenderer } = await import('./render.ts');
    if (flags['log-format'] === 'json') {
      this.renderer = createJsonRenderer(options);
    } else if (process.stderr.isTTY && process.stderr.columns > 0 && process.env['TERM'] !== 'dumb') {
      // A terminal of unknown width (some recorders and CI runners) can not have a line redrawn in place.
      const { createTtyRenderer } = await import('./render-tty.ts');
      this.renderer = createTtyRenderer({ ...options, stream: process.stderr });
    } else {
      this.renderer = createLineRenderer(options);
    }
    // Node would say in plain text, between our lines, that the system has no such folder; empty means none.
    if (this.env['SSL_CERT_DIR'] === undefined && !existsSync('/etc/ssl/certs')) this.env['SSL_CERT_DIR'] = '';
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => this.stop(name));
    return { signal: this.abort.signal, report: this.renderer.report };
  }

  /** The management cluster that flags, site file or environment name. Throws `E_USAGE` when none does. */
  protected async managementCluster(flags: {
    kubeconfig: string | undefined;
    context: string | undefined;
    site: string | undefined;
  }): Promise<KubeconfigSource> {
    const { kubeconfigSource } = await import('./cluster-options.ts');
    const { loadSite } = await import('../workflows/site.ts');
    const site = flags.site === undefined ? undefined : await loadSite(flags.site);
    const source = kubeconfigSource(flags, site, this.env);
    if (source !== undefined) return source;
    throw new AirgapError('E_USAGE', 'nothing says which cluster to look at', {
      hint: 'give --kubeconfig FILE, or set KUBECONFIG',
    });
  }

  /** Asks a yes-or-no question while no live line is drawn. Throws `E_USAGE` without a terminal. */
  protected async confirm(question: string): Promise<boolean> {
    const { confirm } = await import('./confirm.ts');
    this.renderer?.pause();
    try {
      return await confirm(question, this.abort.signal);
    } finally {
      this.renderer?.resume();
    }
  }

  /** The run did what was possible, with content left out as the user allowed: a status of its own. */
  protected finishPartially(): void {
    process.exitCode = exitStatusOf('E_PARTIAL');
  }

  protected override async catch(error: Error): Promise<void> {
    this.renderer?.close();
    if (this.stoppedBy !== undefined && (isAbort(error) || error === this.abort.signal.reason)) {
      process.exitCode = SIGNAL_EXIT_STATUS[this.stoppedBy];
      this.tell(`stopped.${this.resumeHint === undefined ? '' : ` ${this.resumeHint}`}`);
      if (this.jsonEnabled()) this.logJson({ ok: false, code: this.stoppedBy, message: 'stopped by a signal' });
      return;
    }
    const known = error instanceof AirgapError ? error : parseError(error, this.id);
    if (known === undefined) return super.catch(error);
    process.exitCode = exitStatusOf(known.code);
    if (this.jsonEnabled()) this.logJson(errorAsJson(known));
    else this.tell(formatError(known));
  }

  /** A defect as data. oclif would print all members of the error. */
  protected override toErrorJson(error: unknown): unknown {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return { ok: false, code: 'DEFECT', message, hint: 'this is a defect of airgap: please report it', stack };
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.renderer?.close();
    await super.finally(error);
  }

  private tell(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  private stop(name: StopSignal): void {
    if (this.stoppedBy !== undefined) process.exit(SIGNAL_EXIT_STATUS[this.stoppedBy]);
    this.stoppedBy = name;
    this.renderer?.close();
    this.tell('stopping … (once more to exit at once)');
    this.abort.abort(new DOMException(`stopped by ${name}`, 'AbortError'));
  }
}

/**
 * What oclif found wrong with the arguments, as an error of ours. Its own holds the whole configuration with the
 * environment, passwords included: that must never be printed.
 */
function parseError(error: Error, command: string | undefined): AirgapError | undefined {
  if (!('oclif' in error) || ('code' in error && error.code === 'EEXIT')) return undefined;
  const message = error.message
    .replace(/^The following errors? occurred:\s*/, '')
    .replace(/\s*See more help with --help\s*$/, '')
    // About flags with several values before an argument; ours take one value each.
    .replace(/[;\s]*Note: --[^]*$/, '')
    .replace(/^Missing \d+ required args?:\s*(\w+)\s+/, (_, name: string) => `missing argument ${name.toUpperCase()}: `)
    .replaceAll(/\s*\n\s*/g, ' ');
  return new AirgapError('E_USAGE', message, { hint: `see airgap ${command?.replaceAll(':', ' ') ?? ''} --help` });
}
