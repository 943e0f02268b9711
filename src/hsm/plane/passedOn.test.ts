/** Applications that connect while an HSM dies: what it had not taken goes to another one. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { RpcClient } from "../rpc/client.ts";
import { TestPlane } from "../testing.ts";

const id = "cluster-dying";
let hsms: TestPlane;
before(async () => {
  hsms = await TestPlane.open();
  await hsms.activeCluster(id, 3, []);
});
after(() => hsms.close());

const pids = async (): Promise<number[]> =>
  (await hsms.plane.cluster(id))!.hsms.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < 15_000; waited += 25) {
    if (await condition()) return;
    await delay(25);
  }
  assert.fail(`not within 15 s: ${what}`);
}

/** As an application begins: true when it was served, false when it was sent away. A program has no limit of its own. */
const greets = async (): Promise<boolean> => {
  const socket = connect(hsms.socket(id));
  const client = new RpcClient(socket, socket, { end: () => socket.destroy() });
  const limit = AbortSignal.timeout(10_000);
  const left = new Promise<never>((_, reject) => limit.addEventListener("abort", () => reject(new Error("it waits"))));
  return Promise.race([
    client.initialize().then(
      () => true,
      () => false,
    ),
    left,
  ]).finally(() => client.close());
};

test("who connects in the instant in which an HSM dies is served by another", async () => {
  await until("all live", async () => (await pids()).length === 3);
  const [still] = await pids();
  // What is handed to it stays unread in its channel, until it dies.
  process.kill(still!, "SIGSTOP");
  const greeted = Array.from({ length: 12 }, greets);
  await until("others served", async () => (await Promise.race([greeted[1]!, greeted[2]!])) === true);
  process.kill(still!, "SIGKILL");
  const answers = await Promise.all(greeted);
  assert.ok(answers.every(Boolean), "a third of them was on its way to the one that died");
  for (let round = 0; round < 5; round++) {
    const living = await pids();
    const before = Array.from({ length: 8 }, greets);
    process.kill(living[round % living.length]!, "SIGKILL");
    const served = await Promise.all([...before, ...Array.from({ length: 8 }, greets)]);
    assert.ok(served.includes(true));
    await until("all live", async () => (await pids()).length === 3);
  }
});
