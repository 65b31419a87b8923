/** What a completion needs to know of a flag or argument; a part of what oclif keeps about it. */
interface CompletedValue {
  readonly options?: readonly string[] | undefined;
  /** `FILE`, `DIR`, `BUNDLE`, `[HOST[:PORT]=]FILE`: says what kind of value it is. */
  readonly helpValue?: string | readonly string[] | undefined;
}
interface CompletedFlag extends CompletedValue {
  readonly type: 'boolean' | 'option';
  readonly char?: string | undefined;
  readonly allowNo?: boolean | undefined;
  readonly description?: string | undefined;
  readonly summary?: string | undefined;
}
interface CompletedArgument {
  readonly options?: readonly string[] | undefined;
}

/** A command as oclif lists it, without loading it. */
export interface CompletedCommand {
  /** Words joined by ":". */
  readonly id: string;
  readonly summary?: string | undefined;
  readonly hidden?: boolean | undefined;
  readonly flags: Readonly<Record<string, CompletedFlag>>;
  readonly args: Readonly<Record<string, CompletedArgument>>;
}

export const COMPLETED_SHELLS = ['bash', 'zsh'] as const;
export type CompletedShell = (typeof COMPLETED_SHELLS)[number];

/** Arguments that are files; other arguments without options are names only a cluster knows. */
const FILE_ARGUMENTS: readonly string[] = ['bundle', 'file'];

/**
 * A script that makes `bash` (4 or newer) or `zsh` complete commands, flags, their values where the set is closed, and file names.
 * It is complete in itself: completing starts no process.
 */
export function completionScript(shell: CompletedShell, commands: readonly CompletedCommand[]): string {
  const shown = commands.filter(({ hidden }) => hidden !== true).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return shell === 'bash' ? bashScript(shown) : zshScript(shown);
}

function bashScript(commands: readonly CompletedCommand[]): string {
  const topics = subcommands(commands);
  const entries = [
    `    '') words='${firstWords(commands).join(' ')}' ;;`,
    ...[...topics].map(([topic, names]) => `    '${topic}') words='${names.join(' ')}' ;;`),
    ...commands.map((command) => bashCommand(command)),
  ];
  return `# airgap completion for bash: source <(airgap completion bash)
_airgap() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command='' words='' files=''
  if [[ $cur == = ]]; then cur=''; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  if (( COMP_CWORD > 1 )); then command=\${COMP_WORDS[1]}; fi
  case $command in ${[...topics.keys()].join('|')}) if (( COMP_CWORD > 2 )); then command+=" \${COMP_WORDS[2]}"; fi ;; esac
  case $command in
${entries.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur"; if [[ $files ]]; then compgen "$files" -- "$cur"; fi)
  if [[ $files ]]; then compopt -o filenames 2>/dev/null; fi
  return 0
}
complete -F _airgap airgap
`;
}

function bashCommand(command: CompletedCommand): string {
  const lines: string[] = [];
  for (const [name, flag] of Object.entries(command.flags)) {
    if (flag.type === 'boolean') continue;
    const names = [`--${name}`, ...(flag.char === undefined ? [] : [`-${flag.char}`])].join('|');
    const kind = kindOf(flag);
    const files = { file: " files='-f'", folder: " files='-d'", other: '' }[kind];
    const words = flag.options === undefined ? '' : ` words='${flag.options.join(' ')}'`;
    lines.push(`        ${names})${words}${files} ;;`);
  }
  const args = Object.entries(command.args);
  const values = args.flatMap(([, { options }]) => options ?? []);
  const files = args.some(([name]) => FILE_ARGUMENTS.includes(name)) ? " files='-f'" : '';
  const flags = Object.entries(command.flags).flatMap(([name, flag]) => spellings(name, flag));
  // Flags only when a dash says so: file names are what is wanted otherwise.
  lines.push(
    `        *) if [[ $cur == -* ]]; then words='${flags.join(' ')}'; else words='${values.join(' ')}'${files}; fi ;;`,
  );
  return `    '${command.id.replaceAll(':', ' ')}')\n      case $prev in\n${lines.join('\n')}\n      esac ;;`;
}

function zshScript(commands: readonly CompletedCommand[]): string {
  const topics = subcommands(commands);
  const summaries = new Map(commands.map(({ id, summary }) => [id, summary ?? '']));
  const describe = (names: readonly string[], prefix = '') =>
    names.map((name) => zshQuote(`${name}:${summaries.get(prefix + name) ?? ''}`)).join(' ');
  const entries = [
    ...[...topics].map(
      ([topic, names]) =>
        `    ${zshQuote(topic)}) choices=(${describe(names, `${topic}:`)}); _describe command choices ;;`,
    ),
    ...commands.map(
      (command) =>
        `    ${zshQuote(command.id.replaceAll(':', ' '))})\n      _arguments -s \\\n${zshSpecs(command)
          .map((spec) => `        ${zshQuote(spec)}`)
          .join(' \\\n')} ;;`,
    ),
  ];
  return `#compdef airgap
# airgap completion for zsh: source <(airgap completion zsh), after compinit
_airgap() {
  local -a choices
  local command=\${words[2]} depth=2
  if (( CURRENT == 2 )); then
    choices=(${describe(firstWords(commands))})
    _describe command choices
    return
  fi
  case $command in
    ${[...topics.keys()].join('|')}) if (( CURRENT > 3 )); then command+=" \${words[3]}"; depth=3; fi ;;
  esac
  # Below, the command stands for the program: its own words count from here.
  words=("\${(@)words[depth,-1]}")
  (( CURRENT -= depth - 1 ))
  case $command in
${entries.join('\n')}
  esac
}
# As a file that zsh loads at the first completion, or sourced.
if [[ \${funcstack[1]} == _airgap ]]; then _airgap "$@"; else compdef _airgap airgap; fi
`;
}

function zshSpecs(command: CompletedCommand): string[] {
  const specs = Object.entries(command.flags).flatMap(([name, flag]) => {
    const what = (flag.summary ?? flag.description ?? '').replaceAll(/[[\]\\:]/g, '\\$&').replaceAll(/\s*\n\s*/g, ' ');
    const value = flag.type === 'boolean' ? '' : `:value:${zshAction(flag)}`;
    return spellings(name, flag).map((spelling) => {
      const joint = flag.type === 'boolean' ? '' : spelling.startsWith('--') ? '=' : '+';
      return `*${spelling}${joint}[${what}]${value}`;
    });
  });
  const args = Object.entries(command.args).map(([name, { options }]) => {
    if (options !== undefined) return `1:${name}:(${options.join(' ')})`;
    return `*:${name}:${FILE_ARGUMENTS.includes(name) ? '_files' : ''}`;
  });
  return [...specs, ...args];
}

function zshAction(flag: CompletedFlag): string {
  if (flag.options !== undefined) return `(${flag.options.join(' ')})`;
  return { file: '_files', folder: '_files -/', other: '' }[kindOf(flag)];
}

function zshQuote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function spellings(name: string, flag: CompletedFlag): string[] {
  return [
    `--${name}`,
    ...(flag.allowNo === true ? [`--no-${name}`] : []),
    ...(flag.char === undefined ? [] : [`-${flag.char}`]),
  ];
}

function kindOf({ helpValue }: CompletedValue): 'file' | 'folder' | 'other' {
  const text = typeof helpValue === 'string' ? helpValue : (helpValue ?? []).join(' ');
  if (/\b(FILE|BUNDLE)\b/.test(text)) return 'file';
  return /\bDIR\b/.test(text) ? 'folder' : 'other';
}

function firstWords(commands: readonly CompletedCommand[]): string[] {
  return [...new Set(commands.map(({ id }) => id.split(':')[0]!)), 'help'];
}

/** First word → second words, for commands of two words. */
function subcommands(commands: readonly CompletedCommand[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { id } of commands) {
    const [topic, name] = id.split(':');
    if (topic === undefined || name === undefined) continue;
    found.set(topic, [...(found.get(topic) ?? []), name]);
  }
  return found;
}
