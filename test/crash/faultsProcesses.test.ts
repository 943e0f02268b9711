/** Processes that die again and again, and one that stops for a while and goes on: clients see errors, then answers. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { eventually, startInstance, type Instance } from "../instance.ts";

describe("processes that fail", () => {
  let instance: Instance;
  let kms: KMSClient;
  let KeyId: string;

  before(async () => {
    instance = await startInstance();
    kms = new KMSClient(instance.client);
    KeyId = (await kms.send(new CreateKeyCommand({}))).KeyMetadata!.KeyId!;
  });

  after(() => instance?.stop());

  async function roundTrip(text: string): Promise<void> {
    const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from(text) }));
    const { Plaintext } = await kms.send(new DecryptCommand({ CiphertextBlob: CiphertextBlob! }));
    assert.equal(Buffer.from(Plaintext!).toString(), text);
  }

  test("the key holder is killed again and again under load: every answer is right or may be tried again", async () => {
    const api = (await instance.rolePids())["api"]!;
    let answered = 0;
    let killing = true;
    const clients = Array.from({ length: 4 }, async () => {
      for (let i = 0; killing; i++) {
        await roundTrip(`text ${i}`).then(
          () => answered++,
          (error: Error & { $metadata?: { httpStatusCode?: number } }) => {
            if (error instanceof assert.AssertionError) throw error;
            assert.ok((error.$metadata?.httpStatusCode ?? 0) >= 500, `${error.name}: ${error.message}`);
            assert.notEqual(error.name, "InternalFailure", error.message);
          },
        );
      }
    });
    for (let kills = 0; kills < 10; kills++) {
      const before = answered;
      const holder = await eventually(() => keyHolderOf(api));
      process.kill(holder, "SIGKILL");
      await eventually(async () => answered > before, { every: 10 });
    }
    killing = false;
    await Promise.all(clients);
    await roundTrip("afterwards");
    assert.equal((await instance.rolePids())["api"], api);
  });

  test("the api role stands still for three seconds and goes on: what was asked meanwhile is answered", async () => {
    const pids = await instance.rolePids();
    const sts = new STSClient(instance.client);
    process.kill(pids["api"]!, "SIGSTOP");
    const asked = Array.from({ length: 20 }, () => sts.send(new GetCallerIdentityCommand({})));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    process.kill(pids["api"]!, "SIGCONT");
    const answers = await Promise.all(asked);
    assert.ok(answers.every((answer) => answer.Account === instance.ready.accountId));
    await roundTrip("goes on");
    assert.deepEqual(await instance.rolePids(), pids);
  });
});

async function keyHolderOf(api: number): Promise<number | undefined> {
  for (const thread of await readdir(`/proc/${api}/task`)) {
    const children = await readFile(`/proc/${api}/task/${thread}/children`, "utf8").catch(() => "");
    for (const pid of children.split(" ").filter(Boolean)) {
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (command.includes("holder.ts")) return Number(pid);
    }
  }
  return undefined;
}
