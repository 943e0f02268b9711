/**
 * Terraform with the unmodified AWS provider, which comes from `TF_PLUGIN_DIR` or from where terraform's own
 * configuration finds it; the public registry is not asked.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { awsCommand, isInstalled, run, type Ran } from "./cli.ts";
import { startInstance, type Instance } from "./instance.ts";

/**
 * The provider waits on purpose: for a queue's attributes, and again for its policies, it wants the same answer six
 * times, five seconds apart, one resource after the other.
 */
const timeoutMs = 600_000;

/** In front of every configuration. */
const provider = `
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
provider "aws" {
  region            = "us-east-1"
  s3_use_path_style = true
}
data "aws_caller_identity" "me" {}
data "aws_region" "here" {}
data "aws_partition" "aws" {}
`;

const installed = (await isInstalled("terraform")) && (await isInstalled(awsCommand()));
export const skipTerraform = installed ? false : "needs terraform and the AWS CLI";

/** A test over an instance of its own; it skips itself where no provider is to be had. */
export function terraformTest(name: string, body: (instance: Instance, terraform: Terraform) => Promise<void>): void {
  test(name, { skip: skipTerraform, timeout: 1_800_000 }, async (t) => {
    const instance = await startInstance();
    t.after(() => instance.stop());
    const terraform = await readyTerraform(t, instance);
    if (terraform) await body(instance, terraform);
  });
}

/** In a folder that goes with the test; `undefined` when the test has been skipped. */
export async function readyTerraform(
  t: TestContext,
  instance: Instance,
  env: NodeJS.ProcessEnv = {},
): Promise<Terraform | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "jikimi-terraform-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const terraform = new Terraform(instance, folder, env);
  await terraform.write(provider);
  if (await terraform.init()) return terraform;
  t.skip("needs the AWS provider: TF_PLUGIN_DIR");
  return undefined;
}

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

  /** Applies resources, after which the provider finds nothing more to do. */
  async settle(resources: string): Promise<void> {
    await this.apply(provider + resources);
    const { code, stdout, stderr } = await this.plan();
    assert.equal(code, 0, stdout + stderr);
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
