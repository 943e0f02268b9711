/** The table of who may do what with each kind of key, held against the calls of the account's administrator. */
import assert from "node:assert/strict";
import type { CloudTrail } from "@aws-sdk/client-cloudtrail";
import type { KMS } from "@aws-sdk/client-kms";
import { keyActs, keyTable, type KeyAct, type KeyKind } from "../src/services/kms/keyKinds.ts";

/** "" when it is allowed, the error's name otherwise. */
export async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "";
  } catch (error) {
    return (error as Error).name;
  }
}

/** Every way in which an owner handles a key; `audit` is what CloudTrail has of it. */
export async function handling(kms: KMS, KeyId: string): Promise<Record<Exclude<KeyAct, "audit">, string>> {
  const { Policy } = await kms.getKeyPolicy({ KeyId });
  const rotations = [
    await outcome(kms.enableKeyRotation({ KeyId, RotationPeriodInDays: 90 })),
    await outcome(kms.rotateKeyOnDemand({ KeyId })),
  ];
  return {
    view: await outcome(kms.describeKey({ KeyId })),
    use: await outcome(kms.encrypt({ KeyId, Plaintext: Buffer.from("x") })),
    changePolicy: await outcome(kms.putKeyPolicy({ KeyId, Policy })),
    rotate: rotations.find((each) => each !== "") ?? "",
    disable: await outcome(kms.disableKey({ KeyId })),
    delete: await outcome(kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 })),
  };
}

/** Names of the events of CloudTrail that name a key. */
export async function audited(cloudtrail: CloudTrail, keyArn: string): Promise<string[]> {
  const LookupAttributes = [{ AttributeKey: "ResourceName" as const, AttributeValue: keyArn }];
  const { Events } = await cloudtrail.lookupEvents({ LookupAttributes });
  return Events!.map(({ EventName }) => EventName!);
}

const allowed = new Set(["owner", "ownerWhileConnected"]);

/** Each cell of a kind's row is what the call was answered. */
export function agreesWithTable(kind: KeyKind, outcomes: Readonly<Record<KeyAct, string>>): void {
  for (const act of keyActs) {
    const answered = outcomes[act];
    const who = keyTable[kind][act];
    assert.equal(
      answered === "",
      allowed.has(who),
      `${kind}, ${act}: the table says ${who}, the call ${answered || "yes"}`,
    );
  }
}
