/** The two READMEs say the same, and every command they and the other pages show exists as written. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { Cli, type CliHost } from "../src/cli/cli.ts";
import { messagesIn } from "../src/cli/messages/index.ts";
import { buildProgram } from "../src/cli/program.ts";

const home = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(join(home, path), "utf8");
const blocks = (text: string): string[] =>
  [...text.matchAll(/^```[^\n]*\n([^]*?)^```/gm)].map((match) => match[1] ?? "");
const headings = (text: string): number[] =>
  [...text.replaceAll(/^```[^]*?^```/gm, "").matchAll(/^(#+) /gm)].map((match) => match[1]!.length);
const tableRows = (text: string): number => [...text.matchAll(/^\|/gm)].length;

function program(): Command {
  const host = {
    env: {},
    cwd: home,
    stdout: { write() {} },
    stderr: { write() {} },
    version: "0",
  } as unknown as CliHost;
  const built = buildProgram(new Cli(host, messagesIn("en"), "en-US"));
  // Parsing is what is tested; nothing is run.
  for (const command of built.commands) command.action(() => {});
  return built;
}

function shown(text: string): string[] {
  return text
    .split("\n")
    .flatMap((line) =>
      [...line.matchAll(/(?:^|\$\()\.?\/?jikimi ([^)"#|]*)/g)].map((match) => (match[1] ?? "").trim()),
    );
}

test("the READMEs have the same headings, tables and code", () => {
  const english = read("README.md");
  const korean = read("README.ko.md");
  assert.deepEqual(headings(korean), headings(english));
  assert.deepEqual(blocks(korean), blocks(english));
  assert.equal(tableRows(korean), tableRows(english));
  for (const text of [english, korean]) assert.ok(text.split("\n").length <= 150);
});

test("every command that is shown is understood", async () => {
  const lines = blocks(read("README.md")).flatMap(shown);
  assert.ok(lines.length > 10);
  for (const line of lines) await assert.doesNotReject(program().parseAsync(line.split(/\s+/), { from: "user" }), line);
  await assert.rejects(program().parseAsync(["up", "--bogus"], { from: "user" }));
});

test("every command and option of the table of commands exists, and none is missing", () => {
  const page = read("docs/operations.md");
  const table = page.slice(page.indexOf("| command |"), page.indexOf("| exit code |"));
  for (const command of program().commands) {
    if (command.name() === "version") continue;
    assert.match(table, new RegExp(`\`${command.name()}[ \`]`), command.name());
  }
  const known = new Set(program().commands.flatMap((command) => command.options.map((option) => option.long)));
  for (const [option] of table.matchAll(/--[a-z][a-z-]*/g)) assert.ok(known.has(option), option);
});

test("links between pages lead somewhere", () => {
  const pages = [
    "README.md",
    "README.ko.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ...globSync("docs/*.md", { cwd: home }),
  ];
  for (const page of pages) {
    for (const [, target = ""] of read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      assert.ok(existsSync(join(home, dirname(page), target)), `${page}: ${target}`);
    }
  }
});

test("the licence is Apache-2.0, whole", () => {
  const text = read("LICENSE");
  assert.match(text, /^\s+Apache License\n\s+Version 2\.0, January 2004/);
  assert.match(text, /END OF TERMS AND CONDITIONS[^]*limitations under the License\.\s*$/);
});
