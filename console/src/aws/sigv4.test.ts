/** The SDK's own signer is the witness. */
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { SignatureV4 } from "@smithy/signature-v4";
import { sha256, sign, type Unsigned } from "./sigv4.ts";

class Sha256 {
  readonly #hash;
  constructor(secret?: string | Uint8Array) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret);
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
}

const credentials = { accessKeyId: "ASIAEXAMPLE", secretAccessKey: "secret/+key", sessionToken: "token==" };
const now = new Date("2026-11-24T09:00:00Z");

const cases: [what: string, request: Partial<Unsigned>, body: string][] = [
  [
    "a query call",
    { method: "POST", service: "iam", path: "/", headers: { "content-type": "application/x-www-form-urlencoded" } },
    "Action=ListUsers",
  ],
  [
    "an object with an odd name",
    { method: "GET", service: "s3", path: "/bucket/%EB%AC%B8%EC%84%9C/a%20b%2Bc.txt" },
    "",
  ],
  [
    "a query string",
    {
      method: "GET",
      service: "s3",
      path: "/bucket/",
      query: [
        ["prefix", "a b/"],
        ["list-type", "2"],
        ["delimiter", "/"],
      ],
    },
    "",
  ],
  ["a path that is encoded twice", { method: "GET", service: "guardduty", path: "/detector/a%2Fb" }, ""],
];

for (const [what, request, body] of cases) {
  test(`signs ${what} as the SDK does`, async () => {
    const payload = await sha256(new TextEncoder().encode(body));
    const unsigned = {
      query: [],
      headers: {},
      payload,
      region: "eu-west-1",
      host: "127.0.0.1:4566",
      now,
      ...request,
    } as Unsigned;
    const ours = await sign(unsigned, credentials);
    const signer = new SignatureV4({
      credentials,
      region: unsigned.region,
      service: unsigned.service,
      sha256: Sha256 as never,
      uriEscapePath: unsigned.service !== "s3",
      applyChecksum: unsigned.service === "s3",
    });
    const theirs = await signer.sign(
      {
        method: unsigned.method,
        protocol: "http:",
        hostname: "127.0.0.1",
        port: 4566,
        path: unsigned.path,
        query: Object.fromEntries(unsigned.query),
        headers: { ...unsigned.headers, host: unsigned.host },
        body,
      },
      { signingDate: now },
    );
    assert.equal(ours["authorization"], theirs.headers["authorization"]);
  });
}
