/**
 * KMS over HTTP with real signatures, policy and audit record, beside a bare `node:http` server that reads the same
 * request and sends an answer of the same size, and beside moto's server where it is installed.
 *
 * Two ratios each: requests per second, and CPU of all processes per request. The former hides what other cores do,
 * and on a machine with few cores the client's own work; the latter does not depend on who else is busy.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { KMS } from "@aws-sdk/client-kms";
import { startInstance } from "../instance.ts";
import { measure, type Measured } from "./parts/connections.ts";
import { cpuOf, cpuOfInstance, cpuOfTree } from "./parts/processes.ts";
import { prepare, send, type Prepared } from "./parts/requests.ts";
import { print, skipped, type Row } from "./parts/row.ts";

const requests = Number(process.env["JIKIMI_BENCH_REQUESTS"] ?? 8000);
/** CPU is told in steps of 10 ms, so that the echo gets more than we do. moto answers a few hundred a second. */
const motoRequests = Math.ceil(requests / 16);
/** Different signatures of the same call. */
const signatures = 16;

const operations = ["Encrypt", "Decrypt", "GenerateDataKey", "Sign P-256"] as const;
type Calls = Record<(typeof operations)[number], readonly Prepared[]>;

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

async function callsFor(client: KMS): Promise<Calls> {
  const KeyId = (await client.createKey({})).KeyMetadata!.KeyId!;
  const pair = await client.createKey({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" });
  const EncryptionContext = { dept: "hr", app: "bench" };
  const Plaintext = Buffer.alloc(64, 7);
  const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext, EncryptionContext });
  const many = async (call: (each: KMS) => Promise<unknown>): Promise<Prepared[]> => {
    const prepared: Prepared[] = [];
    while (prepared.length < signatures) prepared.push(await prepare(client, call));
    return prepared;
  };
  return {
    Encrypt: await many((each) => each.encrypt({ KeyId, Plaintext, EncryptionContext })),
    Decrypt: await many((each) => each.decrypt({ CiphertextBlob, EncryptionContext })),
    GenerateDataKey: await many((each) => each.generateDataKey({ KeyId, KeySpec: "AES_256", EncryptionContext })),
    "Sign P-256": await many((each) =>
      each.sign({
        KeyId: pair.KeyMetadata!.KeyId,
        SigningAlgorithm: "ECDSA_SHA_256",
        MessageType: "DIGEST",
        Message: Buffer.alloc(32, 7),
      }),
    ),
  };
}

function said({ rate, cpu }: Measured): string {
  return `${Math.round(rate)}/s, ${Math.round(cpu)} µs of CPU`;
}

function against(name: string, own: Measured, other: Measured): Row[] {
  const detail = `${said(own)} in all processes; ${said(other)}`;
  return [
    { name: `${name}: requests per second`, ratio: own.rate / other.rate, detail },
    { name: `${name}: CPU per request`, ratio: other.cpu / own.cpu, detail },
  ];
}

export async function bench(): Promise<Row[]> {
  const instance = await startInstance();
  const moto = await startMoto();
  const rows: Row[] = [];
  const agent = new Agent();
  try {
    const port = Number(new URL(instance.endpoint).port);
    const ours = await callsFor(new KMS(instance.client));
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    const theirs =
      moto &&
      (await callsFor(new KMS({ endpoint: `http://127.0.0.1:${moto.port}`, region: "us-east-1", credentials })));
    // What is measured first would pay for the compiling of what all of them share.
    for (const operation of operations) await measure(port, ours[operation], requests, async () => 0);
    for (const operation of operations) {
      const echo = await startEcho(await send(agent, port, ours[operation][0]!));
      const bare = await measure(echo.port, ours[operation], requests * 4, () => cpuOf(echo.child.pid!));
      echo.child.kill();
      const own = await measure(port, ours[operation], requests, () => cpuOfInstance(instance));
      rows.push(...against(`kms ${operation}, bare node:http echo`, own, bare));
      if (!theirs) {
        rows.push(skipped(`kms ${operation}, moto`, "moto_server is not installed"));
        continue;
      }
      const { child } = moto;
      const other = await measure(moto.port, theirs[operation], motoRequests, () => cpuOfTree(child.pid!), {
        slow: true,
      });
      rows.push(...against(`kms ${operation}, moto`, own, other));
    }
    const calls = ours.Encrypt;
    const plain = await measure(port, calls, requests, () => cpuOfInstance(instance));
    const secured = await measure(port, calls, requests, () => cpuOfInstance(instance), { tls: true });
    rows.push(...against("kms Encrypt over TLS, without", secured, plain));
    return rows;
  } finally {
    agent.destroy();
    moto?.child.kill();
    await instance.stop();
  }
}

if (import.meta.main) print(await bench());
