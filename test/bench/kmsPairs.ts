/**
 * Signatures over HTTP, with request signature, policy and audit record, beside `openssl speed` on one core; and how
 * long Encrypt takes while RSA-4096 keys are being made, beside how long it takes when nothing else happens.
 */
import { spawnSync } from "node:child_process";
import { Agent } from "node:http";
import { KMS } from "@aws-sdk/client-kms";
import { type Instance, startInstance } from "../instance.ts";
import { measure } from "./parts/connections.ts";
import { cpuOfInstance } from "./parts/processes.ts";
import { prepare, type Prepared, send } from "./parts/requests.ts";
import { print, type Row, skipped } from "./parts/row.ts";

const requests = Number(process.env["JIKIMI_BENCH_REQUESTS"] ?? 4000);
const message = Buffer.alloc(32, 7);

/** Signatures and verifications a second on one core; `undefined` where there is no OpenSSL. */
function opensslSpeed(algorithm: "rsa2048" | "ecdsap256"): { sign: number; verify: number } | undefined {
  const run = spawnSync("openssl", ["speed", "-mr", "-seconds", "1", algorithm], { encoding: "utf8" });
  // "+F2:0:2048:3709.5:125837.9" and "+F4:0:256:…": key, bits, signatures and verifications a second.
  const line = /^\+F[24]:\d+:\d+:([\d.e-]+):([\d.e-]+)/m.exec(run.stdout ?? "");
  return line ? { sign: Number(line[1]), verify: Number(line[2]) } : undefined;
}

const kinds = [
  ["RSA_2048", "RSASSA_PSS_SHA_256", "rsa2048"],
  ["ECC_NIST_P256", "ECDSA_SHA_256", "ecdsap256"],
] as const;

async function signatures(kms: KMS, port: number, instance: Instance): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [KeySpec, SigningAlgorithm, speed] of kinds) {
    const baseline = opensslSpeed(speed);
    const { KeyMetadata } = await kms.createKey({ KeySpec, KeyUsage: "SIGN_VERIFY" });
    for (const MessageType of ["RAW", "DIGEST"] as const) {
      const request = { KeyId: KeyMetadata!.KeyId, SigningAlgorithm, MessageType, Message: message };
      const { Signature } = await kms.sign(request);
      const prepared = {
        sign: await prepare(kms, (client) => client.sign(request)),
        verify: await prepare(kms, (client) => client.verify({ ...request, Signature })),
      };
      for (const what of ["sign", "verify"] as const) {
        const name = `kms ${what} ${KeySpec} ${MessageType}, openssl speed`;
        const { rate, cpu } = await measure(port, [prepared[what]], requests, () => cpuOfInstance(instance));
        const detail = `${Math.round(rate)}/s, ${Math.round(cpu)} µs of CPU in all processes`;
        if (!baseline) {
          rows.push(skipped(name, `${detail}; openssl is not installed`));
          continue;
        }
        const beside = `${detail}; openssl ${Math.round(baseline[what])}/s on one core`;
        rows.push(
          { name: `${name}: per second`, ratio: rate / baseline[what], detail: beside },
          { name: `${name}: CPU`, ratio: 1e6 / baseline[what] / cpu, detail: beside },
        );
      }
    }
  }
  return rows;
}

/** The 99th percentile of one request after the other, in milliseconds, until `until` is done or so many were sent. */
async function p99(port: number, prepared: Prepared, until: Promise<unknown> | undefined, most: number) {
  const agent = new Agent({ keepAlive: true });
  let done = false;
  void until?.then(() => (done = true));
  const times: number[] = [];
  while (!done && times.length < most) {
    const start = performance.now();
    await send(agent, port, prepared);
    times.push(performance.now() - start);
  }
  agent.destroy();
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]!;
}

async function encryptMeanwhile(kms: KMS, port: number): Promise<Row> {
  const { KeyMetadata } = await kms.createKey({});
  const prepared = await prepare(kms, (client) => client.encrypt({ KeyId: KeyMetadata!.KeyId, Plaintext: message }));
  await p99(port, prepared, undefined, 200);
  const idle = await p99(port, prepared, undefined, 1000);
  const making = Promise.all(
    Array.from({ length: 4 }, () => kms.createKey({ KeySpec: "RSA_4096", KeyUsage: "SIGN_VERIFY" })),
  );
  const busy = await p99(port, prepared, making, 100_000);
  await making;
  return {
    name: "kms Encrypt p99 while RSA-4096 keys are made, idle",
    ratio: idle / busy,
    detail: `${busy.toFixed(1)} ms; idle ${idle.toFixed(1)} ms`,
  };
}

export async function bench(): Promise<Row[]> {
  const instance = await startInstance();
  try {
    const kms = new KMS(instance.client);
    const port = Number(new URL(instance.endpoint).port);
    return [...(await signatures(kms, port, instance)), await encryptMeanwhile(kms, port)];
  } finally {
    await instance.stop();
  }
}

if (import.meta.main) print(await bench());
