/** Run by `memory.test.ts`: a process that uses the key holder, so that its memory can be searched from outside. */
import { createLogger } from "#kernel/log.ts";
import { startKeyHolder } from "./client.ts";

const dataDir = process.argv[2]!;
const holder = await startKeyHolder({ dataDir, seal: { kind: "development" }, logger: createLogger("driver") });
const { token } = await holder.generate("SYMMETRIC_DEFAULT", "arn:k|1|SYMMETRIC_DEFAULT");
const aad = Buffer.from("aad");
for (let i = 0; i < 20; i++) await holder.decrypt(token, await holder.encrypt(token, Buffer.of(i), aad), aad);
process.stderr.write(
  `${JSON.stringify({ holder: holder.pid, wrapped: Buffer.from(token.wrapped).toString("base64") })}\n`,
);
process.stdin.resume().on("end", () => void holder.close());
