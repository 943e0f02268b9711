/**
 * `node test/bench/kms.ts`: KMS Encrypt and Decrypt over HTTP with real signatures, beside a bare `node:http` server
 * that reads the same request and sends an answer of the same size, and beside moto's server where it is installed.
 * Requests are signed beforehand, so that the client costs the same for each. One run each: read the ratios.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { KMS } from "@aws-sdk/client-kms";
import { startInstance } from "../instance.ts";

const connections = 16;
const requests = Number(process.env["JIKIMI_BENCH_REQUESTS"] ?? 4000);

interface Prepared {
  headers: Record<string, string>;
  body: Buffer;
}

/** What the SDK would send for a command, caught at its HTTP handler. */
async function prepare(client: KMS, call: (client: KMS) => Promise<unknown>): Promise<Prepared> {
  let caught: Prepared | undefined;
  const handler = client.config.requestHandler;
  client.config.requestHandler = {
    ...handler,
    handle: async (sent: { headers: Record<string, string>; body: Uint8Array }) => {
      caught = { headers: sent.headers, body: Buffer.concat([sent.body]) };
      throw new Error("caught");
    },
  } as unknown as typeof handler;
  await call(client).catch(() => undefined);
  client.config.requestHandler = handler;
  if (!caught) throw new Error("the SDK sent nothing");
  return caught;
}

function send(agent: Agent, port: number, { headers, body }: Prepared): Promise<{ status: number; size: number }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, method: "POST", path: "/", agent, headers }, (response) => {
      let size = 0;
      response.on("data", (chunk: Buffer) => (size += chunk.length));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, size }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Requests per second over keep-alive connections; throws when one is refused. */
async function measure(port: number, prepared: Prepared): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let left = requests;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const { status } = await send(agent, port, prepared);
      if (status !== 200) throw new Error(`answered ${status}`);
    }
  };
  for (let n = 0; n < 200; n++) await send(agent, port, prepared);
  const start = performance.now();
  await Promise.all(Array.from({ length: connections }, worker));
  const perSecond = requests / ((performance.now() - start) / 1000);
  agent.destroy();
  return perSecond;
}

/** A server that does nothing but HTTP. In a process of its own, like what it is compared with. */
const echoSource = `
import { createServer } from "node:http";
const answer = Buffer.alloc(Number(process.argv[1]), 97);
const server = createServer((request, response) => {
  request.on("data", () => {}).on("end", () => response.writeHead(200, { "content-type": "application/x-amz-json-1.1" }).end(answer));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
`;

async function startEcho(size: number): Promise<{ port: number; child: ChildProcess }> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", echoSource, String(size)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  return { port: Number(line.toString()), child };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** moto's server, or `undefined` where it is not installed or does not come up. */
async function startMoto(): Promise<{ port: number; child: ChildProcess } | undefined> {
  const port = await freePort();
  const child = spawn("moto_server", ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
  const missing = once(child, "error").then(() => "missing" as const);
  for (let tries = 0; tries < 100; tries++) {
    const up = await fetch(`http://127.0.0.1:${port}/moto-api/`).then(
      () => true,
      () => false,
    );
    if (up) return { port, child };
    const pause = new Promise((resolve) => setTimeout(resolve, 100));
    if ((await Promise.race([pause, missing])) === "missing") return undefined;
  }
  child.kill();
  return undefined;
}

async function requestsFor(client: KMS): Promise<Record<"Encrypt" | "Decrypt", Prepared>> {
  const { KeyMetadata } = await client.createKey({});
  const EncryptionContext = { dept: "hr", app: "bench" };
  const Plaintext = Buffer.alloc(64, 7);
  const encrypt = (each: KMS) => each.encrypt({ KeyId: KeyMetadata!.KeyId, Plaintext, EncryptionContext });
  const { CiphertextBlob } = await encrypt(client);
  return {
    Encrypt: await prepare(client, encrypt),
    Decrypt: await prepare(client, (each) => each.decrypt({ CiphertextBlob, EncryptionContext })),
  };
}

const instance = await startInstance();
const moto = await startMoto();
try {
  const port = Number(new URL(instance.endpoint).port);
  const ours = await requestsFor(new KMS(instance.client));
  const theirs =
    moto &&
    (await requestsFor(
      new KMS({
        endpoint: `http://127.0.0.1:${moto.port}`,
        region: "us-east-1",
        credentials: { accessKeyId: "test", secretAccessKey: "test" },
      }),
    ));
  const agent = new Agent();
  for (const operation of ["Encrypt", "Decrypt"] as const) {
    const { size } = await send(agent, port, ours[operation]);
    const echo = await startEcho(size);
    const bare = await measure(echo.port, ours[operation]);
    echo.child.kill();
    const jikimi = await measure(port, ours[operation]);
    const other = theirs && (await measure(moto.port, theirs[operation]));
    const parts = [
      `${Math.round(jikimi)}/s`,
      `${(jikimi / bare).toFixed(2)} of a bare node:http echo (${Math.round(bare)}/s)`,
      other === undefined
        ? "moto is not installed"
        : `${(jikimi / other).toFixed(1)} times moto (${Math.round(other)}/s)`,
    ];
    process.stdout.write(`kms ${operation}: ${parts.join(", ")}\n`);
  }
  agent.destroy();
} finally {
  moto?.child.kill();
  await instance.stop();
}
