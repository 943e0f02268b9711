/** The log of a process whose reader is gone. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const module = fileURLToPath(new URL("./log.ts", import.meta.url));
const program = `
  const { createLogger } = await import(${JSON.stringify(module)});
  const log = createLogger("test", "info");
  process.once("SIGUSR2", () => {
    for (let i = 0; i < 2000; i++) log.info({ i }, "nobody reads this any more ".repeat(20));
    process.exit(7);
  });
  // By this line the test knows that the signal is listened for.
  log.info("first");
  setInterval(() => {}, 1000);
`;

test("lines arrive, and a process whose reader is gone ends all the same", async () => {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  assert.equal(JSON.parse(line.toString().split("\n")[0]!).msg, "first");
  child.stdout.destroy();
  child.kill("SIGUSR2");
  const [code] = (await once(child, "exit")) as [number];
  assert.equal(code, 7);
});
