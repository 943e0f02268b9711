/**
 * Terraform with the unmodified AWS provider, which comes from `TF_PLUGIN_DIR` or from where terraform's own
 * configuration finds it; the public registry is not asked.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { run, type Ran } from "./cli.ts";
import type { Instance } from "./instance.ts";

/**
 * The provider waits on purpose: for a queue's attributes, and again for its policies, it wants the same answer six
 * times, five seconds apart, one resource after the other.
 */
const timeoutMs = 600_000;

/** One configuration in a folder of its own, against one instance. */
export class Terraform {
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(instance: Instance, folder: string, more: NodeJS.ProcessEnv = {}) {
    this.#folder = folder;
    const own = process.env["TF_CLI_CONFIG_FILE"];
    this.#env = instance.env({
      CHECKPOINT_DISABLE: "1",
      TF_IN_AUTOMATION: "1",
      ...(own === undefined ? {} : { TF_CLI_CONFIG_FILE: own }),
      ...more,
    });
  }

  /** False when no AWS provider is to be had here; the public registry is not asked. */
  async init(): Promise<boolean> {
    const plugins = process.env["TF_PLUGIN_DIR"];
    if (plugins === undefined && !existsSync(process.env["TF_CLI_CONFIG_FILE"] ?? "")) return false;
    const { code } = await this.#run("init", "-input=false", ...(plugins ? [`-plugin-dir=${plugins}`] : []));
    return code === 0;
  }

  write(text: string): Promise<void> {
    return writeFile(join(this.#folder, "main.tf"), text);
  }

  async apply(text: string): Promise<void> {
    await this.write(text);
    await this.#must("apply", "-auto-approve", "-input=false");
  }

  destroy(): Promise<void> {
    return this.#must("destroy", "-auto-approve", "-input=false");
  }

  /** 0: nothing to do. */
  plan(): Promise<Ran> {
    return this.#run("plan", "-detailed-exitcode", "-input=false");
  }

  async #must(...args: string[]): Promise<void> {
    const ran = await this.#run(...args);
    assert.equal(ran.code, 0, `terraform ${args[0]}: ${ran.stderr}${ran.stdout.slice(-2000)}`);
  }

  #run(...args: string[]): Promise<Ran> {
    return run("terraform", [`-chdir=${this.#folder}`, ...args, "-no-color"], this.#env, "", timeoutMs);
  }
}

/**
 * S3 Control's clients put the account in front of the host, and no such name resolves everywhere. A proxy takes
 * those requests to the instance, whatever host they name; nothing leaves the machine.
 */
export async function forwardProxy(instance: Instance): Promise<{ env: NodeJS.ProcessEnv; close(): Promise<void> }> {
  const { hostname, port } = new URL(instance.endpoint);
  const server = createServer((received, answer) => {
    const url = new URL(received.url!);
    const sent = request(
      { hostname, port, method: received.method, path: url.pathname + url.search, headers: received.headers },
      (response) => {
        answer.writeHead(response.statusCode!, response.headers);
        response.pipe(answer);
      },
    );
    sent.once("error", () => answer.destroy());
    received.pipe(sent);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const own = (server.address() as AddressInfo).port;
  return {
    env: {
      HTTP_PROXY: `http://127.0.0.1:${own}`,
      NO_PROXY: "127.0.0.1",
      AWS_ENDPOINT_URL_S3_CONTROL: "http://s3-control.jikimi.internal",
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
