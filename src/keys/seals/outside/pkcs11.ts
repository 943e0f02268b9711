/**
 * The root under an AES key in a PKCS #11 token (an HSM, SoftHSM), through OpenSC's pkcs11-tool. The key is made in the token
 * where there is none of that name: sensitive and never extractable, so it is used there or not at all. `JIKIMI_SEAL_PIN` is
 * the user's PIN. AES-CBC needs no tag here: a root that was tampered with does not unwrap the domain keys.
 * Source: pkcs11-tool(1); PKCS #11 v3.0, sections 4.9 (CKA_SENSITIVE, CKA_EXTRACTABLE), 6.13.4 (CKM_AES_CBC_PAD).
 */
import { randomBytes } from "node:crypto";
import { FinalFailure, type OutsideKind, OutsideFailure, type Parameters, textOf } from "./kind.ts";
import { tool } from "./tool.ts";

const ivBytes = 16;
const mechanism = "AES-CBC-PAD";

export const pkcs11Kind: OutsideKind = {
  async wrap(root, parameters) {
    const key = textOf(parameters, "key");
    const found = await session(parameters, ["--list-objects", "--type", "secrkey", "--label", key]);
    if (
      !found
        .toString("utf8")
        .split("\n")
        .some((line) => line.trim() === `label:      ${key}`)
    ) {
      await session(parameters, ["--keygen", "--key-type", "AES:32", "--label", key, "--sensitive", "--usage-decrypt"]);
    }
    const iv = randomBytes(ivBytes).toString("hex");
    const wrapped = await session(parameters, ["--encrypt", ...cipher(key, iv)], root);
    return { ...parameters, iv, wrapped: wrapped.toString("base64") };
  },
  async unwrap(parameters) {
    const args = ["--decrypt", ...cipher(textOf(parameters, "key"), textOf(parameters, "iv"))];
    return await session(parameters, args, Buffer.from(textOf(parameters, "wrapped"), "base64"));
  },
};

const cipher = (key: string, iv: string): string[] => ["-m", mechanism, "--iv", iv, "--label", key];

async function session(parameters: Parameters, args: readonly string[], input?: Uint8Array): Promise<Buffer> {
  if (!process.env["JIKIMI_SEAL_PIN"]) throw new OutsideFailure("JIKIMI_SEAL_PIN is not set");
  const token = ["--module", textOf(parameters, "module"), "--token-label", textOf(parameters, "token")];
  try {
    return await tool("pkcs11-tool", "opensc", [...token, "--login", "--pin", "env:JIKIMI_SEAL_PIN", ...args], input);
  } catch (error) {
    if (error instanceof OutsideFailure && /CKR_PIN_/.test(error.message)) throw new FinalFailure(error.message);
    throw error;
  }
}
