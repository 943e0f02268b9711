/** Run by `stolenBox.test.ts`: takes in key material that it cannot read, uses it, and seals when it is told to. */
import { createInterface } from "node:readline";
import { silentLogger } from "#kernel/log.ts";
import { startKeyHolder } from "./client.ts";
import { BoxReader } from "./seals/box.ts";

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const say = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

const holder = await startKeyHolder({
  dataDir: process.argv[2]!,
  seal: { kind: "shamir", threshold: 2, shares: 2 },
  recipient: new BoxReader().publicKey,
  logger: silentLogger,
});
const { key, publicKey } = await holder.newWrappingKey("RSA_2048", "arn:w|1");
const { token: fingerprintKey } = await holder.generate("HMAC_256", "arn:f|1|HMAC_256");
const wrapping = { key, algorithm: "RSAES_OAEP_SHA_256" } as const;
say({ publicKey: base64(publicKey) });
let count = 0;
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "seal") {
    await holder.seal();
    say({ holder: holder.pid });
    continue;
  }
  for (const encrypted of JSON.parse(line) as string[]) {
    const bound = `arn:k${count++}|1|SYMMETRIC_DEFAULT`;
    const material = Buffer.from(encrypted, "base64");
    const { token } = await holder.importMaterial("SYMMETRIC_DEFAULT", bound, wrapping, material, fingerprintKey);
    await holder.decrypt(token, await holder.encrypt(token, Buffer.of(1), material), material);
  }
  say({ holder: holder.pid });
}
await holder.close();
