/** Mechanisms as three generations of p11-kit lay them out. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CKM } from "../token/constants.ts";
import { callsByName, type RpcName } from "./calls.ts";
import type { Mechanism } from "./mechanisms.ts";
import { readRequest } from "./messages.ts";
import { Malformed } from "./wire.ts";

const u32 = (value: number): string => value.toString(16).padStart(8, "0");
const ulong = (value: number): string => value.toString(16).padStart(16, "0");
const iv = "000102030405060708090a0b0c0d0e0f";

function request(name: RpcName, ...parts: string[]): Buffer {
  const { id, request: signature } = callsByName[name];
  return Buffer.from(u32(id) + u32(signature.length) + Buffer.from(signature).toString("hex") + parts.join(""), "hex");
}

const cases: [what: string, mechanism: string, expected: Mechanism][] = [
  ["no parameters, 0.24: an array that is not there", u32(CKM.AES_ECB) + u32(0xffffffff), { type: CKM.AES_ECB }],
  ["no parameters, later", u32(CKM.AES_ECB), { type: CKM.AES_ECB }],
  [
    "an IV, 0.24",
    u32(CKM.AES_CBC) + u32(16) + iv,
    { type: CKM.AES_CBC, parameter: { kind: "iv", iv: Buffer.from(iv, "hex") } },
  ],
  [
    "an IV, marked",
    `${u32(CKM.AES_CBC)}01${u32(16)}${iv}`,
    { type: CKM.AES_CBC, parameter: { kind: "iv", iv: Buffer.from(iv, "hex") } },
  ],
  ["parameters that may be absent, marked so", `${u32(CKM.AES_KEY_WRAP_KWP)}00`, { type: CKM.AES_KEY_WRAP_KWP }],
  [
    "GCM, marked",
    `${u32(CKM.AES_GCM)}01${u32(2)}abcd${ulong(16)}${u32(0xffffffff)}${ulong(128)}`,
    {
      type: CKM.AES_GCM,
      parameter: { kind: "gcm", iv: Buffer.from("abcd", "hex"), aad: Buffer.alloc(0), tagBits: 128 },
    },
  ],
  [
    "PSS",
    u32(CKM.RSA_PKCS_PSS) + ulong(CKM.SHA256) + ulong(2) + ulong(32),
    { type: CKM.RSA_PKCS_PSS, parameter: { kind: "pss", hash: CKM.SHA256, mgf: 2, saltLength: 32 } },
  ],
  ["the mechanism that cancels", u32(0xffffffff), { type: 0xffffffff }],
];

describe("mechanisms in a request", () => {
  for (const [what, mechanism, expected] of cases) {
    it(what, () => {
      const { values } = readRequest(request("C_EncryptInit", ulong(5), mechanism, ulong(7)));
      assert.deepEqual(values, [5, expected, 7]);
    });
  }

  it("that fit no layout are refused", () => {
    for (const wrong of [
      u32(CKM.AES_CBC) + u32(8) + iv.slice(0, 16),
      u32(CKM.AES_GCM),
      `${u32(CKM.AES_CBC)}02${u32(16)}${iv}`,
    ]) {
      assert.throws(() => readRequest(request("C_EncryptInit", ulong(5), wrong, ulong(7))), Malformed);
    }
    assert.throws(() => readRequest(request("C_EncryptInit", ulong(5), u32(CKM.AES_ECB), ulong(7), "00")), Malformed);
  });
});
