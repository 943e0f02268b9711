/** Two api processes on one port over PostgreSQL: what one has done the other knows, at once or within a second. */
import assert from "node:assert/strict";
import { get } from "node:http";
import { after, before, describe, test } from "node:test";
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import { CreateKeyCommand, DecryptCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { stores, type StoreUnderTest } from "../stores.ts";

const postgres = stores.find(({ name }) => name === "PostgreSQL")!;

describe("two api processes", { skip: postgres.skip }, () => {
  let engine: Awaited<ReturnType<StoreUnderTest["start"]>>;
  let instance: Instance;

  before(async () => {
    engine = await postgres.start();
    instance = await startInstance({ args: [...engine.args, "--api-processes", "2"] });
  });

  after(async () => {
    await instance?.stop();
    await engine?.stop();
  });

  /** Calls over connections of their own, which the kernel spreads over both processes. */
  async function spread<T>(work: () => Promise<T>): Promise<PromiseSettledResult<T>[]> {
    return await Promise.allSettled(Array.from({ length: 24 }, work));
  }

  test("share the work", async () => {
    const served = new Set<string>();
    for (let i = 0; i < 40 && served.size < 2; i++) served.add(await alive(instance.endpoint));
    assert.equal(served.size, 2, "both answer");
  });

  test("decrypt what the other has encrypted", async () => {
    const { KeyMetadata } = await new KMSClient(instance.client).send(new CreateKeyCommand({}));
    const encrypted = await spread(() =>
      new KMSClient(instance.client).send(
        new EncryptCommand({ KeyId: KeyMetadata!.KeyId!, Plaintext: Buffer.from("x") }),
      ),
    );
    for (const result of encrypted) {
      assert.equal(result.status, "fulfilled");
      const decrypted = await new KMSClient(instance.client).send(
        new DecryptCommand({ CiphertextBlob: result.value.CiphertextBlob! }),
      );
      assert.equal(Buffer.from(decrypted.Plaintext!).toString(), "x");
    }
  });

  test("give each message of a queue to one receiver, and wake those that wait at the other", async () => {
    const newClient = () => new SQSClient(instance.client);
    const { QueueUrl } = await newClient().send(new CreateQueueCommand({ QueueName: "shared" }));
    const waiting = spread(() => newClient().send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 })));
    await spread(() => newClient().send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] })));
    const started = performance.now();
    await spread(() => newClient().send(new SendMessageCommand({ QueueUrl, MessageBody: "m" })));
    const got = (await waiting).flatMap((result) => {
      assert.equal(result.status, "fulfilled");
      return (result.value.Messages ?? []).map(({ MessageId }) => MessageId);
    });
    assert.ok(performance.now() - started < 15_000, "nobody waited out its twenty seconds");
    assert.equal(got.length, 24);
    assert.equal(new Set(got).size, 24);
  });

  test("keep the order of a message group, whichever of them takes its messages", async () => {
    const newClient = () => new SQSClient(instance.client);
    const Attributes = { FifoQueue: "true", ContentBasedDeduplication: "true" };
    const { QueueUrl } = await newClient().send(new CreateQueueCommand({ QueueName: "shared.fifo", Attributes }));
    const sent = Array.from({ length: 20 }, (_, i) => String(i).padStart(2, "0"));
    for (const MessageBody of sent) {
      await newClient().send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId: "g" }));
    }
    const seen: string[] = [];
    await Promise.all(
      [1, 2, 3].map(async (MaxNumberOfMessages) => {
        while (seen.length < sent.length) {
          const wanted = { QueueUrl, MaxNumberOfMessages, WaitTimeSeconds: 1 };
          const { Messages = [] } = await newClient().send(new ReceiveMessageCommand(wanted));
          for (const { Body, ReceiptHandle } of Messages) {
            seen.push(Body!);
            await newClient().send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
          }
        }
      }),
    );
    assert.deepEqual(seen, sent);
  });

  test("both refuse a key that was switched off at one of them", async () => {
    const iam = new IAMClient(instance.client);
    await iam.send(new CreateUserCommand({ UserName: "passing" }));
    const document = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "kms:*", Resource: "*" }],
    });
    await iam.send(new PutUserPolicyCommand({ UserName: "passing", PolicyName: "p", PolicyDocument: document }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "passing" }));
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    const use = () => new KMSClient({ ...instance.client, credentials }).send(new CreateKeyCommand({}));
    assert.ok((await spread(use)).every(({ status }) => status === "fulfilled"));
    await iam.send(
      new UpdateAccessKeyCommand({ UserName: "passing", AccessKeyId: credentials.accessKeyId, Status: "Inactive" }),
    );
    await eventually(async () => (await spread(use)).every(({ status }) => status === "rejected"), { within: 3_000 });
  });
});

/** Which process answers on a connection of its own. */
function alive(endpoint: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = get(`${endpoint}/_jikimi/livez`, { agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve(text));
    });
    sent.once("error", reject);
  });
}
