/** Completion from the commands as they are defined; nothing is asked of a running instance. */
import type { Command } from "commander";

export const completionShells = ["bash", "zsh", "fish", "pwsh"] as const;
export type CompletionShell = (typeof completionShells)[number];

interface Words {
  name: string;
  about: string;
  options: string[];
}

export function completionScript(shell: CompletionShell, program: Command): string {
  const commands = program.commands.map((command) => ({
    name: command.name(),
    about: command.description(),
    options: command.options.flatMap((option) => (option.long ? [option.long] : [])),
  }));
  return scripts[shell](commands);
}

const scripts: Record<CompletionShell, (commands: readonly Words[]) => string> = {
  bash: (commands) => `# jikimi completion for bash: eval "$(jikimi completion bash)"
_jikimi() {
  local word="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names(commands)}" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${commands.map((each) => `    ${each.name}) COMPREPLY=($(compgen -W "${each.options.join(" ")}" -- "$word")) ;;`).join("\n")}
  esac
}
complete -o default -F _jikimi jikimi
`,
  zsh: (commands) => `#compdef jikimi
# jikimi completion for zsh: eval "$(jikimi completion zsh)"
_jikimi() {
  local -a commands
  commands=(
${commands.map((each) => `    ${quoted(`${each.name}:${each.about.replaceAll(":", "\\:")}`)}`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case "$words[2]" in
${commands.map((each) => `    ${each.name}) compadd -- ${each.options.join(" ")}; _files ;;`).join("\n")}
  esac
}
compdef _jikimi jikimi
`,
  fish: (commands) =>
    [
      "# jikimi completion for fish: jikimi completion fish | source",
      ...commands.map(
        (each) => `complete -c jikimi -n __fish_use_subcommand -a ${each.name} -d ${quoted(each.about, "\\'")}`,
      ),
      ...commands.flatMap((each) =>
        each.options.map(
          (option) => `complete -c jikimi -n '__fish_seen_subcommand_from ${each.name}' -l ${option.slice(2)}`,
        ),
      ),
      "",
    ].join("\n"),
  pwsh: (commands) => `# jikimi completion for PowerShell: jikimi completion pwsh | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName jikimi -ScriptBlock {
  param($word, $ast, $position)
  $options = @{
${commands.map((each) => `    '${each.name}' = '${each.options.join(" ")}'`).join("\n")}
  }
  $words = $ast.CommandElements | ForEach-Object { $_.ToString() }
  $candidates = if ($words.Count -gt 1 -and $options.ContainsKey($words[1])) { $options[$words[1]] -split ' ' } else { $options.Keys }
  $candidates | Where-Object { $_ -like "$word*" } | Sort-Object | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
`,
};

function names(commands: readonly Words[]): string {
  return commands.map((each) => each.name).join(" ");
}

function quoted(text: string, quote = `'\\''`): string {
  return `'${text.replaceAll("'", quote)}'`;
}
