/** What the operator's socket does with the seal (shapes: adminContract.ts), and what the provider's callers may know of it. */
import { AwsError } from "#kernel/errors.ts";
import type { SealControl } from "#keys/sealControl.ts";
import type { AdminRekey, AdminSealKey, AdminSealState } from "./adminContract.ts";
import type { OwnOperations } from "./ownApi.ts";
import type { Routes } from "./routes.ts";
import { parseSeal } from "./seal.ts";
import { refusing, type SealGroup } from "./sealGroup.ts";

type Body = Readonly<Record<string, unknown>>;

export function sealRoutes(group: SealGroup, seal: SealControl): Routes {
  return {
    "GET /_jikimi/seal-key": async (): Promise<AdminSealKey> => {
      const [publicKey, ...others] = await group.publicKeys();
      return { publicKey: publicKey!, others };
    },
    "POST /_jikimi/unseal": async (_query, body): Promise<AdminSealState> => {
      const boxes = readBoxes(body);
      return await group.offer(boxes ? { boxes } : { passphrase: optionalText(body, "passphrase") ?? "" });
    },
    "POST /_jikimi/seal": async (): Promise<AdminSealState> => await group.seal(),
    "POST /_jikimi/seal/rekey": async (_query, body): Promise<AdminRekey> => {
      const to = parseSeal(text(body, "to"));
      if (!to) throw new AwsError("InvalidRequest", "to must name a seal, e.g. shamir:3/5.", 400);
      const secret = optionalText(body, "secret");
      const recipient = optionalText(body, "recipient");
      const file = optionalText(body, "passphraseFile");
      const { id, handedOut } = await refusing(
        seal.proposeRekey({
          to: to.kind === "passphrase" && file !== undefined ? { ...to, file } : to,
          ...(secret === undefined ? {} : { secret: { bytes: Buffer.from(secret, "base64"), boxed: true } }),
          ...(recipient === undefined ? {} : { recipient: Buffer.from(recipient, "base64") }),
        }),
      );
      return { id, ...(handedOut ? { handedOut: base64(handedOut) } : {}) };
    },
    "POST /_jikimi/seal/confirm": async (_query, body): Promise<AdminSealState> =>
      await group.confirmRekey(text(body, "id")),
  };
}

/**
 * `GET /_jikimi/seal`, signed, `jikimi:GetSeal`: the seal without anything that helps to open it. While it is sealed no
 * signature can be verified; `/_jikimi/health` and `/_jikimi/readyz` say that much to anybody.
 */
export function sealOperations(group: SealGroup, seal: SealControl): OwnOperations {
  return {
    "GET /_jikimi/seal": {
      name: "GetSeal",
      providerOnly: true,
      answer: async () => {
        const { state: _own, ...facts } = await seal.facts();
        return { ...(await group.state()), ...facts };
      },
    },
  };
}

/** Longest box of a passphrase, in base64. */
const longestBox = 8_192;

/**
 * `boxes`: secrets encrypted to key holders, by the public key of each.
 * @throws InvalidRequest
 */
export function readBoxes({ boxes }: Body): Readonly<Record<string, string>> | undefined {
  if (boxes === undefined) return undefined;
  const isBox = (box: unknown): boolean => typeof box === "string" && box !== "" && box.length <= longestBox;
  const isMap = typeof boxes === "object" && boxes !== null && !Array.isArray(boxes);
  if (!isMap || Object.keys(boxes).length === 0 || !Object.values(boxes).every(isBox)) {
    throw new AwsError(
      "InvalidRequest",
      "boxes must have boxes for the key holders, in base64, by their public keys.",
      400,
    );
  }
  return boxes as Readonly<Record<string, string>>;
}

function text(body: Body, name: string): string {
  const value = optionalText(body, name);
  if (value === undefined) throw new AwsError("InvalidRequest", `${name} must be a string.`, 400);
  return value;
}

function optionalText(body: Body, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || typeof value === "string") return value;
  throw new AwsError("InvalidRequest", `${name} must be a string.`, 400);
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
