/** Run by `rekey.test.ts`: moves a folder from the development seal to shares, saying what it has done, until it is killed. */
import { silentLogger } from "#kernel/log.ts";
import { startKeyHolder } from "./client.ts";
import { BoxReader } from "./seals/box.ts";
import { handedOutPurpose } from "./seals/seal.ts";

const say = (what: string, value: unknown = ""): void =>
  void process.stdout.write(`${JSON.stringify({ what, value })}\n`);

const holder = await startKeyHolder({
  dataDir: process.argv[2]!,
  seal: { kind: "development" },
  logger: silentLogger,
});
const reader = new BoxReader();
say("open");
const to = { kind: "shamir", threshold: 2, shares: 2 } as const;
const { id, handedOut } = await holder.proposeRekey({ to, recipient: reader.publicKey });
say("shown", reader.open(handedOut!, handedOutPurpose)!.toString().split("\n"));
await holder.confirmRekey(id);
say("confirmed");
setInterval(() => {}, 1000);
