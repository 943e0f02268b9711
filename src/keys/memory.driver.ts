/** Run by `memory.test.ts`: a process that uses the key holder, so that its memory can be searched from outside. */
import { createLogger } from "#kernel/log.ts";
import { startKeyHolder } from "./client.ts";

const dataDir = process.argv[2]!;
const holder = await startKeyHolder({ dataDir, seal: { kind: "development" }, logger: createLogger("driver") });
const { token } = await holder.generate("SYMMETRIC_DEFAULT", "arn:k|1|SYMMETRIC_DEFAULT");
const aad = Buffer.from("aad");
for (let i = 0; i < 20; i++) await holder.decrypt(token, await holder.encrypt(token, Buffer.of(i), aad), aad);
const pair = await holder.generate("ECC_NIST_P256", "arn:k|2|ECC_NIST_P256");
const digest = Buffer.alloc(32, 7);
for (let i = 0; i < 20; i++) {
  for (const type of ["RAW", "DIGEST"] as const) await holder.sign(pair.token, "ECDSA_SHA_256", type, digest);
}
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
process.stderr.write(
  `${JSON.stringify({ holder: holder.pid, wrapped: base64(token.wrapped), pair: base64(pair.token.wrapped) })}\n`,
);
process.stdin.resume().on("end", () => void holder.close());
