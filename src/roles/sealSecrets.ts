/**
 * Secrets of the seal between the command line and the key holder: in boxes, so that the api role, which carries them, has
 * none of them in its memory. Keys and boxes are base64 on their way.
 */
import { BoxReader, boxFor } from "#keys/seals/box.ts";
import { handedOutPurpose, secretPurpose } from "#keys/seals/seal.ts";

/** Who keeps what a new seal hands out. */
export class SealKeeper {
  readonly #reader = new BoxReader();
  readonly publicKey = this.#reader.publicKey.toString("base64");

  /** The lines of a box that was made for this keeper. @throws Error for another */
  lines(box: string): string[] {
    const lines = this.#reader.open(Buffer.from(box, "base64"), handedOutPurpose);
    if (!lines) throw new Error("what the seal handed out is not for this process");
    return lines.toString("latin1").split("\n");
  }
}

/** A passphrase or a share for the key holder that has this public key. */
export function secretFor(publicKey: string, secret: string): string {
  return boxFor(Buffer.from(publicKey, "base64"), secretPurpose, Buffer.from(secret, "utf8")).toString("base64");
}
