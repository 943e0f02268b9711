/** The same assignments in the words of each shell. */
export const shells = ["sh", "fish", "pwsh"] as const;
export type Shell = (typeof shells)[number];

interface ShellWords {
  set(name: string, value: string): string;
  unset(name: string): string;
  /** How a person runs the lines; `command` prints them. */
  evaluate(command: string): string;
}

const single = (value: string, quoted: string): string => `'${value.replaceAll("'", quoted)}'`;

export const shellWords: Record<Shell, ShellWords> = {
  sh: {
    set: (name, value) => `export ${name}=${single(value, `'\\''`)}`,
    unset: (name) => `unset ${name}`,
    evaluate: (command) => `eval "$(${command})"`,
  },
  fish: {
    set: (name, value) => `set -gx ${name} ${single(value.replaceAll("\\", "\\\\"), "\\'")};`,
    unset: (name) => `set -e ${name};`,
    evaluate: (command) => `${command} | source`,
  },
  pwsh: {
    set: (name, value) => `$env:${name} = ${single(value, "''")}`,
    unset: (name) => `Remove-Item Env:${name} -ErrorAction SilentlyContinue`,
    evaluate: (command) => `${command} | Out-String | Invoke-Expression`,
  },
};

export function guessShell(env: NodeJS.ProcessEnv): Shell {
  const shell = env["SHELL"] ?? "";
  if (shell.endsWith("/fish")) return "fish";
  if (shell.endsWith("/pwsh") || (shell === "" && env["PSModulePath"])) return "pwsh";
  return "sh";
}
