import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { guessShell, shellWords, type Shell } from "./shellLines.ts";

/** Everything a shell could take for something else. */
const nasty = `a'b"c$HOME\`id\`\\n;&| !#*`;

const witnesses: Record<Shell, { program: string; echo: string }> = {
  sh: { program: "sh", echo: `printf %s "$X"` },
  fish: { program: "fish", echo: `printf %s "$X"` },
  pwsh: { program: "pwsh", echo: `[Console]::Out.Write($env:X)` },
};

for (const [shell, { program, echo }] of Object.entries(witnesses) as [Shell, { program: string; echo: string }][]) {
  const missing = spawnSync(program, ["-c", "exit"]).error !== undefined;
  test(`${shell} reads back what was set`, { skip: missing && `${program} is not installed` }, () => {
    const lines = [shellWords[shell].unset("Y"), shellWords[shell].set("X", nasty), echo].join("\n");
    assert.equal(execFileSync(program, ["-c", lines], { encoding: "utf8" }), nasty);
  });
}

test("the shell is guessed from the environment", () => {
  assert.equal(guessShell({ SHELL: "/usr/bin/fish" }), "fish");
  assert.equal(guessShell({ SHELL: "/bin/zsh" }), "sh");
  assert.equal(guessShell({ PSModulePath: "x" }), "pwsh");
  assert.equal(guessShell({}), "sh");
});
