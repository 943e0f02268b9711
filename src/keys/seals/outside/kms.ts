/**
 * The root under a key of another KMS: AWS's, another Jikimi's, any endpoint that speaks the API. The encryption context
 * binds the ciphertext to what it is for, and `KeyId` is named on the way back, so that no other key's ciphertext is taken.
 * Source: AWS KMS API Reference, Encrypt and Decrypt.
 */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { systemClock } from "#kernel/clock.ts";
import { signRequest } from "#kernel/signedRequest.ts";
import { type OutsideKind, OutsideFailure, type Parameters, sealCredentials, textOf } from "./kind.ts";

const context = { purpose: "jikimi seal" };
const timeoutMs = 10_000;
const mostAnswer = 64 * 1024;

export const kmsKind: OutsideKind = {
  async wrap(root, parameters) {
    const Plaintext = Buffer.from(root).toString("base64");
    const answer = await call(parameters, "Encrypt", { Plaintext, EncryptionContext: context });
    return { ...parameters, wrapped: textOf(answer, "CiphertextBlob") };
  },
  async unwrap(parameters) {
    const asked = { CiphertextBlob: textOf(parameters, "wrapped"), EncryptionContext: context };
    return Buffer.from(textOf(await call(parameters, "Decrypt", asked), "Plaintext"), "base64");
  },
};

async function call(parameters: Parameters, operation: string, input: object): Promise<Parameters> {
  const key = textOf(parameters, "key");
  const url = new URL(textOf(parameters, "endpoint"));
  const body = Buffer.from(JSON.stringify({ KeyId: key, ...input }));
  const headers = signRequest(
    {
      method: "POST",
      host: url.host,
      path: "/",
      query: {},
      headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": `TrentService.${operation}` },
      body,
    },
    { region: key.split(":")[3] ?? "", service: "kms" },
    sealCredentials(process.env),
    // The other side's clock is the world's, whatever this installation's own has been moved to.
    systemClock.now(),
  );
  const { status, text } = await post(url, headers, body);
  let answer: Parameters;
  try {
    answer = JSON.parse(text) as Parameters;
  } catch {
    throw new OutsideFailure(`${url.host} answered ${status} and no JSON`);
  }
  if (status === 200) return answer;
  const code = String(answer["__type"] ?? status)
    .split("#")
    .at(-1);
  throw new OutsideFailure(
    `${url.host} refused ${operation}: ${code} ${String(answer["message"] ?? answer["Message"] ?? "")}`,
  );
}

function post(url: URL, headers: Record<string, string>, body: Buffer): Promise<{ status: number; text: string }> {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(new OutsideFailure(`${url.host} does not answer: ${error.message}`));
    const sent = send(url, { method: "POST", headers, timeout: timeoutMs }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (text.length > mostAnswer) answer.destroy(new Error("its answer is too long"));
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      answer.on("error", fail);
    });
    sent.on("timeout", () => sent.destroy(new Error(`nothing within ${timeoutMs / 1000} s`)));
    sent.on("error", fail);
    sent.end(body);
  });
}
