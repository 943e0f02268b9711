/**
 * A writer that is killed: `node store-writer.ts <store url> <first> [writers]`. Each of its writers commits one
 * document after the other, with an index row and an outbox entry, and prints its id once the commit has resolved.
 */
import { writeSync } from "node:fs";
import { systemClock } from "#kernel/clock.ts";
import { StoreUnavailable } from "#store/contract.ts";
import { openStore } from "#store/open.ts";

const [url = "", first = "0", writers = "16"] = process.argv.slice(2);
const store = await openStore(url, { clock: systemClock, timeoutMs: 4_000, connectTimeoutMs: 1_000 });
let next = Number(first);

async function write(): Promise<void> {
  for (;;) {
    const id = String(next++);
    const key = { account: "111122223333", region: "us-east-1", service: "crash", type: "document", id };
    try {
      await store.commit([
        { op: "put", key, value: { id, filler: "x".repeat(300) }, ifVersion: 0, indexes: { same: id } },
        { op: "append", stream: "audit", key: id, id, event: { id } },
      ]);
      writeSync(1, `${id}\n`);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      writeSync(1, `! ${error.unknown ? "unknown" : "refused"} ${error.message.slice(0, 100).replaceAll("\n", " ")}\n`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

await Promise.all(Array.from({ length: Number(writers) }, write));
