/** Ids and ARNs. Source: CloudHSM API Reference (patterns, base 32 in lower case); Service Authorization Reference, AWS CloudHSM (ARNs). */
import { parseArn, partitionOf } from "#kernel/arn.ts";
import type { Random } from "#kernel/ids.ts";
import type { Place } from "./state.ts";

const base32 = "abcdefghijklmnopqrstuvwxyz234567";
const idLength = 11;

export function newId(kind: "cluster" | "hsm" | "backup", random: Random): string {
  const letters = Array.from({ length: idLength }, () => base32[random.below(base32.length)]);
  return `${kind}-${letters.join("")}`;
}

export function arnOf({ account, region }: Place, id: string): string {
  return `arn:${partitionOf(region)}:cloudhsm:${region}:${account}:${id.split("-")[0]}/${id}`;
}

export interface BackupAddress extends Place {
  id: string;
}

/** An id means a backup of the caller's; an ARN says whose it is. `undefined` for an ARN of anything else. */
export function backupAddress(text: string, own: Place): BackupAddress | undefined {
  if (!text.startsWith("arn:")) return { account: own.account, region: own.region, id: text };
  const arn = parseArn(text);
  const id = /^backup\/(backup-[2-7a-zA-Z]{11,16})$/.exec(arn?.resource ?? "")?.[1];
  if (!arn || arn.service !== "cloudhsm" || id === undefined) return undefined;
  return { account: arn.account, region: arn.region, id };
}
