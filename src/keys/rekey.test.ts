/**
 * INVARIANT: whenever a change of the seal is cut off, the folder opens: with the old seal, or with shares that had been
 * shown by then; and with those where it was confirmed.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLogger } from "#kernel/log.ts";
import { startKeyHolder } from "./client.ts";
import type { Keyring } from "./keyring.ts";

const driver = fileURLToPath(new URL("./rekey.driver.ts", import.meta.url));
let home: string;
let kept: Uint8Array;

before(async () => {
  home = await mkdtemp(join(tmpdir(), "jikimi-rekey-"));
  const holder = await startKeyHolder({
    dataDir: join(home, "origin"),
    seal: { kind: "development" },
    logger: silentLogger,
  });
  kept = await holder.protect("p", "b", Buffer.from("kept"));
  await holder.close();
});
after(() => rm(home, { recursive: true, force: true }));

/** Kills the driver with SIGKILL when it has said `step`, or when the name of a file in `keys` changes. */
async function cutOff(dataDir: string, step: string): Promise<{ said: Set<string>; shares: string[] }> {
  const child = spawn(process.execPath, ["--no-warnings", driver, dataDir], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const said = new Set<string>();
  let shares: string[] = [];
  const changes = watch(join(dataDir, "keys"), (_, name) => {
    if (name === step) child.kill("SIGKILL");
  });
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    const { what, value } = JSON.parse(line) as { what: string; value: string[] };
    said.add(what);
    if (what === "shown") shares = value;
    if (what === step) child.kill("SIGKILL");
  });
  await Promise.all([exited, once(lines, "close")]);
  changes.close();
  return { said, shares };
}

for (const step of ["open", "shown", "keyring.json.new", "keyring.json", "development.key", "confirmed"]) {
  test(`killed at "${step}", one of the two seals opens it`, async () => {
    const dataDir = join(home, step);
    await cp(join(home, "origin"), dataDir, { recursive: true });
    const { said, shares } = await cutOff(dataDir, step);
    const { seal } = JSON.parse(await readFile(join(dataDir, "keys", "keyring.json"), "utf8")) as Keyring;
    if (said.has("confirmed")) assert.equal(seal.kind, "shamir");
    if (seal.kind === "shamir") assert.equal(shares.length, 2, "nobody has the shares of the seal it is under");
    const holder = await startKeyHolder({
      dataDir,
      seal: seal.kind === "shamir" ? { kind: "shamir", threshold: 2, shares: 2 } : { kind: "development" },
      logger: silentLogger,
    });
    try {
      if (seal.kind === "shamir") for (const share of shares) await holder.unseal(Buffer.from(share));
      assert.equal(Buffer.from(await holder.reveal("p", "b", kept)).toString(), "kept");
      if (step === "open" || step === "shown") return;
      // What was cut off can be done again.
      await holder.rotateDomainKey();
    } finally {
      await holder.close();
    }
  });
}
