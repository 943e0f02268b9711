/**
 * KMS Encrypt of an installation with two api processes beside one with one, over PostgreSQL. The client, the database
 * and the other roles want cores too: on fewer than four the ratio tells of them, which the line says.
 */
import { availableParallelism } from "node:os";
import { KMS } from "@aws-sdk/client-kms";
import { startInstance } from "../instance.ts";
import { findPostgres, PostgresServer } from "../postgres.ts";
import { measure, type Measured } from "./parts/connections.ts";
import { cpuOfInstance } from "./parts/processes.ts";
import { prepare } from "./parts/requests.ts";
import { print, skipped, type Row } from "./parts/row.ts";

const requests = Number(process.env["JIKIMI_BENCH_REQUESTS"] ?? 4000);
/** Which process gets a connection is a matter of chance: of many, each gets about half. */
const connections = 64;
const name = "kms Encrypt, two api processes (against one)";

async function encrypt(storeUrl: string, processes: number): Promise<Measured> {
  const args = ["--store", storeUrl, "--api-processes", String(processes)];
  const instance = await startInstance({ args });
  try {
    const kms = new KMS(instance.client);
    const { KeyMetadata } = await kms.createKey({});
    const call = { KeyId: KeyMetadata!.KeyId, Plaintext: Buffer.alloc(64, 7) };
    const prepared = await prepare(kms, (client) => client.encrypt(call));
    const port = Number(new URL(instance.endpoint).port);
    return await measure(port, [prepared], requests, () => cpuOfInstance(instance), { connections });
  } finally {
    await instance.stop();
  }
}

export async function bench(): Promise<Row[]> {
  const found = findPostgres();
  if ("reason" in found) return [skipped(name, found.reason)];
  const server = await PostgresServer.create();
  try {
    const one = await encrypt(await server.createDatabase("one"), 1);
    const two = await encrypt(await server.createDatabase("two"), 2);
    const said = ({ rate, cpu }: Measured): string => `${Math.round(rate)}/s, ${Math.round(cpu)} µs of CPU`;
    const cores = availableParallelism();
    const shared = cores < 4 ? `; all on ${cores} cores with the client and the database` : "";
    return [{ name, ratio: two.rate / one.rate, detail: `${said(two)}; ${said(one)}${shared}` }];
  } finally {
    await server.destroy();
  }
}

if (import.meta.main) print(await bench());
