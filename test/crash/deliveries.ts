/** Sending and receiving while roles are killed: what fails may have happened, and what has come may come again. */
import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { SQS, type Message } from "@aws-sdk/client-sqs";
import { eventually, startInstance, type Instance } from "../instance.ts";

export interface Queue {
  url: string;
  arn: string;
}

/** Calls until it is acknowledged: what fails may have happened, so it may happen twice. */
export async function surely<T>(call: () => Promise<T>): Promise<T> {
  return await eventually(call as () => Promise<T & object>, { within: 60_000, every: 50 });
}

/** To which a service may send on behalf of a source. */
export async function newQueue(
  { client, ready }: Instance,
  QueueName: string,
  { service, arn: source }: { service: string; arn: string },
  more: Record<string, string> = {},
): Promise<Queue> {
  const arn = `arn:aws:sqs:${ready.region}:${ready.accountId}:${QueueName}`;
  const Statement = {
    Effect: "Allow",
    Principal: { Service: service },
    Action: "sqs:SendMessage",
    Resource: arn,
    Condition: { ArnEquals: { "aws:SourceArn": source } },
  };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  const Attributes = { VisibilityTimeout: "2", Policy, ...more };
  const { QueueUrl } = await new SQS(client).createQueue({ QueueName, Attributes });
  return { url: QueueUrl!, arn };
}

/** Takes what comes for as long as it may. `instance`: as it is now, since it may be another one after a kill. */
export async function receive(
  queue: Queue,
  instance: () => Instance,
  goesOn: () => boolean,
  take: (message: Message) => void,
): Promise<void> {
  while (goesOn()) {
    const { client, endpoint } = instance();
    const sqs = new SQS(client);
    const QueueUrl = queue.url.replace(/^http:\/\/[^/]+/, endpoint);
    const { Messages = [] } = await sqs
      .receiveMessage({ QueueUrl, WaitTimeSeconds: 1, MaxNumberOfMessages: 10 })
      .catch(() => ({ Messages: [] }));
    for (const message of Messages) {
      take(message);
      await sqs.deleteMessage({ QueueUrl, ReceiptHandle: message.ReceiptHandle! }).catch(() => {});
    }
    if (Messages.length === 0) await delay(50);
  }
}

/** Kills one role, or in every third round all of them, at an instant that nobody chose. The instance as it is then. */
export async function strike(instance: Instance, dataDir: string, round: number): Promise<Instance> {
  await delay(randomInt(0, 60));
  const pids = await instance.rolePids();
  if (round % 3 === 2) {
    const port = Number(new URL(instance.endpoint).port);
    await instance.kill();
    return await startInstance({ dataDir, port });
  }
  const pid = pids[round % 3 === 0 ? "jobs" : "api"];
  if (pid) process.kill(pid, "SIGKILL");
  return instance;
}
