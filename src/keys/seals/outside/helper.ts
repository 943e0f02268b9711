/**
 * Entry of the helper process. One job per process, JSON lines on standard input and output:
 *
 *     wrap     ← { job, kind, parameters }              → { recipient }
 *              ← { box }                                → { parameters }
 *     unwrap   ← { job, kind, parameters, recipient }   → { box }
 *
 * or `{ failure, final? }`. The root comes and goes in boxes (`../box.ts`) between this process and the key holder.
 */
import { createInterface } from "node:readline";
import { BoxReader, boxFor } from "../box.ts";
import { handedOutPurpose, secretPurpose } from "../seal.ts";
import { outsideKinds } from "./index.ts";
import { FinalFailure, OutsideFailure, type Parameters } from "./kind.ts";

interface Job {
  job: "wrap" | "unwrap";
  kind: string;
  parameters: Parameters;
  recipient?: string;
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const answer = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

async function next<T>(): Promise<T> {
  const { value, done } = await lines.next();
  if (done) process.exit(0);
  return JSON.parse(value) as T;
}

async function work(): Promise<void> {
  const { job, kind, parameters, recipient } = await next<Job>();
  const outside = outsideKinds[kind];
  if (!outside) throw new OutsideFailure(`unknown seal "${kind}"`);
  if (job === "unwrap") {
    const root = await outside.unwrap(parameters);
    try {
      answer({ box: boxFor(Buffer.from(recipient ?? "", "base64"), secretPurpose, root).toString("base64") });
    } finally {
      root.fill(0);
    }
    return;
  }
  const reader = new BoxReader();
  answer({ recipient: reader.publicKey.toString("base64") });
  const { box } = await next<{ box: string }>();
  const root = reader.open(Buffer.from(box, "base64"), handedOutPurpose);
  if (!root) throw new OutsideFailure("the key holder handed out nothing");
  try {
    const wrapped = await outside.wrap(root, parameters);
    // What cannot be opened again is no seal: tried before anything depends on it.
    const back = await outside.unwrap(wrapped);
    const same = back.equals(root);
    back.fill(0);
    if (!same) throw new OutsideFailure("it gives back something else than it was given");
    answer({ parameters: wrapped });
  } finally {
    root.fill(0);
  }
}

try {
  await work();
} catch (error) {
  const failure = error instanceof OutsideFailure ? error.message : "an error of the helper process";
  answer({ failure, ...(error instanceof FinalFailure ? { final: true } : {}) });
}
process.stdin.destroy();
