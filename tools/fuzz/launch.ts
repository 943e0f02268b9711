/** Starts the server of `target.ts` in a process of its own. */
import { fork } from "node:child_process";

import type { Memory } from "./run.ts";

export interface Target {
  port: number;
  memory(): Promise<Memory>;
  /** Stacks of errors that were no `AwsError`: each is a bug. */
  internal: string[];
  stop(): Promise<void>;
  exited: boolean;
}

export async function launchTarget(): Promise<Target> {
  const child = fork(new URL("./target.ts", import.meta.url), [], {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const waiters: ((memory: Memory) => void)[] = [];
  const target: Target = {
    port: 0,
    internal: [],
    exited: false,
    memory: () =>
      new Promise((resolve) => {
        waiters.push(resolve);
        child.send("memory");
      }),
    stop: () =>
      new Promise((resolve) => {
        if (target.exited) return resolve();
        child.once("exit", () => resolve());
        child.kill();
      }),
  };
  await new Promise<void>((resolve, reject) => {
    child.on("exit", (code) => {
      target.exited = true;
      reject(new Error(`the target ended with ${code}`));
    });
    child.on("message", (message: { port?: number; memory?: Memory; internal?: string }) => {
      if (message.port !== undefined) {
        target.port = message.port;
        resolve();
      }
      if (message.memory !== undefined) waiters.shift()?.(message.memory);
      if (message.internal !== undefined && target.internal.length < 50) target.internal.push(message.internal);
    });
  });
  return target;
}
