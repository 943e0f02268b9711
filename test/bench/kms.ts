/**
 * KMS Encrypt and Decrypt over HTTP with real signatures, policy and audit record, beside a bare `node:http` server
 * that reads the same request and sends an answer of the same size, and beside moto's server where it is installed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { KMS } from "@aws-sdk/client-kms";
import { startInstance } from "../instance.ts";
import { cpuOf, cpuOfInstance } from "./parts/processes.ts";
import { perSecond, prepare, send, type Prepared } from "./parts/requests.ts";
import { print, skipped, type Row } from "./parts/row.ts";

const connections = 16;
const requests = Number(process.env["JIKIMI_BENCH_REQUESTS"] ?? 4000);
/** moto answers a few hundred a second. */
const motoRequests = Math.ceil(requests / 8);

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
  const gone = Promise.race([once(child, "error"), once(child, "exit")]).then(
    () => "gone" as const,
    () => "gone" as const,
  );
  for (let tries = 0; tries < 150; tries++) {
    const up = await fetch(`http://127.0.0.1:${port}/moto-api/`).then(
      () => true,
      () => false,
    );
    if (up) return { port, child };
    const pause = new Promise((resolve) => setTimeout(resolve, 100));
    if ((await Promise.race([pause, gone])) === "gone") return undefined;
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

/** Requests per second, and CPU of the server per request: the latter does not depend on who else is busy. */
async function measure(
  port: number,
  prepared: Prepared,
  count: number,
  cpu: () => Promise<number>,
): Promise<{ rate: number; said: string }> {
  const before = await cpu();
  const rate = await perSecond(port, prepared, connections, count);
  const each = (((await cpu()) - before) * 1000) / (count * 1.1);
  return { rate, said: `${Math.round(rate)}/s and ${Math.round(each)} µs of CPU` };
}

export async function bench(): Promise<Row[]> {
  const instance = await startInstance();
  const moto = await startMoto();
  const rows: Row[] = [];
  const agent = new Agent();
  try {
    const port = Number(new URL(instance.endpoint).port);
    const ours = await requestsFor(new KMS(instance.client));
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    const theirs =
      moto &&
      (await requestsFor(new KMS({ endpoint: `http://127.0.0.1:${moto.port}`, region: "us-east-1", credentials })));
    for (const operation of ["Encrypt", "Decrypt"] as const) {
      const name = `kms ${operation}`;
      const echo = await startEcho(await send(agent, port, ours[operation]));
      const bare = await measure(echo.port, ours[operation], requests, () => cpuOf(echo.child.pid!));
      echo.child.kill();
      const own = await measure(port, ours[operation], requests, () => cpuOfInstance(instance));
      const against = ({ rate, said }: typeof own, who: string): Row => ({
        name: `${name}, ${who}`,
        ratio: own.rate / rate,
        detail: `${own.said} in all processes; ${said}`,
      });
      rows.push(against(bare, "bare node:http echo"));
      if (!theirs) {
        rows.push(skipped(`${name}, moto`, "moto_server is not installed"));
        continue;
      }
      const { child } = moto;
      const other = await measure(moto.port, theirs[operation], motoRequests, () => cpuOf(child.pid!));
      rows.push(against(other, "moto"));
    }
    return rows;
  } finally {
    agent.destroy();
    moto?.child.kill();
    await instance.stop();
  }
}

if (import.meta.main) print(await bench());
