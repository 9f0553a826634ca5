import { Argument, type Command } from 'commander';
import { withCommon } from './options.ts';
import { print } from './terminal.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** How each shell is told of it, in its help. */
const HOW = `
bash: sluice completion bash > ~/.local/share/bash-completion/completions/sluice
zsh:  sluice completion zsh > "\${fpath[1]}/_sluice"
fish: sluice completion fish > ~/.config/fish/completions/sluice.fish`;

export function define(command: Command): void {
  withCommon(command, ['text'])
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText('after', HOW)
    .action((shell: string) => print(SCRIPTS[shell as keyof typeof SCRIPTS]));
}

/**
 * The scripts ask the command itself: `sluice __complete WORDS…` answers with one word a line, so that they know of every command,
 * option and job without being made anew.
 */
const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  bash: `_sluice() {
  local IFS=$'\\n' current="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(compgen -W "$(sluice __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "$current"))
}
complete -o default -F _sluice sluice
`,
  zsh: `#compdef sluice
_sluice() {
  local -a found
  found=("\${(@f)$(sluice __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  found=("\${(@)found:#}")
  if (( \${#found} )); then compadd -a found; else _files; fi
}
if [ "$funcstack[1]" = "_sluice" ]; then _sluice "$@"; else compdef _sluice sluice; fi
`,
  fish: `function __sluice_complete
  set -l words (commandline -opc) (commandline -ct)
  sluice __complete $words[2..-1] 2>/dev/null
end
complete -c sluice -a '(__sluice_complete)'
`,
};
