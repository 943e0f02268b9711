/** Calls of our own, `/_jikimi/*`, signed with somebody's credentials by AWS's own signer. */
import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { Instance } from "./instance.ts";

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

type Data = string | Uint8Array;

/** What the signer asks of a digest. */
class Sha256 {
  readonly #digest: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;
  constructor(secret?: unknown) {
    this.#digest = secret ? createHmac("sha256", Buffer.from(secret as Data)) : createHash("sha256");
  }
  update(data: Data): void {
    this.#digest.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#digest.digest();
  }
}

export interface OwnAnswer {
  status: number;
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

/** The administrator's credentials unless others are given. `path` is below `/_jikimi/`. */
export async function own(
  instance: Instance,
  path: string,
  query: Record<string, string> = {},
  credentials: Credentials = instance.ready,
): Promise<OwnAnswer> {
  const { hostname, port, host } = new URL(instance.endpoint);
  const signer = new SignatureV4({
    credentials,
    region: instance.ready.region,
    service: "jikimi",
    sha256: Sha256 as never,
  });
  const signed = await signer.sign({
    method: "GET",
    protocol: "http:",
    hostname,
    port: Number(port),
    path: `/_jikimi/${path}`,
    query,
    headers: { host },
  });
  const search = new URLSearchParams(query).toString();
  const url = `${instance.endpoint}/_jikimi/${path}${search === "" ? "" : `?${search}`}`;
  const answer = await fetch(url, { headers: signed.headers });
  return { status: answer.status, body: await answer.json() };
}
