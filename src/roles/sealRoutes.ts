/** What the operator's socket does with the seal (shapes: adminContract.ts), and what the provider's callers may know of it. */
import { AwsError } from "#kernel/errors.ts";
import type { SealControl } from "#keys/sealControl.ts";
import { type KeyHolder, KeyHolderUnavailable, Sealed, SealError } from "#keys/contract.ts";
import type { AdminRekey, AdminSealKey, AdminSealState } from "./adminContract.ts";
import type { OwnOperations } from "./ownApi.ts";
import type { Routes } from "./routes.ts";
import { parseSeal } from "./seal.ts";

type Body = Readonly<Record<string, unknown>>;

export function sealRoutes(keys: KeyHolder, seal: SealControl): Routes {
  return {
    "GET /_jikimi/seal-key": async (): Promise<AdminSealKey> => {
      const publicKey = await refusing(seal.boxKey());
      return { publicKey: base64(publicKey) };
    },
    "POST /_jikimi/unseal": async (_query, body): Promise<AdminSealState> => {
      const boxed = optionalText(body, "secret");
      if (boxed !== undefined) {
        return await refusing(seal.offer({ bytes: Buffer.from(boxed, "base64"), boxed: true }));
      }
      const passphrase = optionalText(body, "passphrase") ?? "";
      return await refusing(seal.offer({ bytes: Buffer.from(passphrase, "utf8"), boxed: false }));
    },
    "POST /_jikimi/seal": async (): Promise<AdminSealState> => {
      await keys.seal();
      return await keys.state();
    },
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
      await refusing(seal.confirmRekey(text(body, "id"))),
  };
}

/**
 * `GET /_jikimi/seal`, signed, `jikimi:GetSeal`: the seal without anything that helps to open it. While it is sealed no
 * signature can be verified; `/_jikimi/health` and `/_jikimi/readyz` say that much to anybody.
 */
export function sealOperations(seal: SealControl): OwnOperations {
  return {
    "GET /_jikimi/seal": {
      name: "GetSeal",
      providerOnly: true,
      answer: async () => {
        const { state, ...facts } = await seal.facts();
        return { ...state, ...facts };
      },
    },
  };
}

async function refusing<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof SealError) throw new AwsError("SealError", error.message, 403);
    if (error instanceof Sealed) throw new AwsError("Sealed", "It is sealed: unseal it first.", 409);
    if (error instanceof KeyHolderUnavailable) throw new AwsError("Unavailable", error.message, 503);
    throw error;
  }
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
