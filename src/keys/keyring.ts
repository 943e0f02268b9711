import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, writeDurably } from "./files.ts";
import { SealError } from "./contract.ts";

/** The file `keys/keyring.json`: the seal's parameters and the wrapped domain keys. Useless without the seal's secret. */
export interface Keyring {
  version: 1;
  /** `file`: where a rekey was told that the secret will be, from then on. `setAt`: since when it is this seal, epoch ms. */
  seal: { kind: string; parameters: Record<string, unknown>; file?: string; setAt?: number };
  /** Id of the domain key that wraps new tokens. */
  current: number;
  /** Every domain key ever used; old ones still open what they wrapped. `wrapped` is base64, `createdAt` epoch ms. */
  domainKeys: { id: number; createdAt: number; wrapped: string }[];
}

export class KeyringFile {
  readonly #path: string;

  constructor(folder: string) {
    this.#path = join(folder, "keyring.json");
  }

  /** `undefined` when there is none yet. Rejects with `SealError` when it is there and cannot be understood. */
  async read(): Promise<Keyring | undefined> {
    let content: string;
    try {
      content = await readFile(this.#path, "utf8");
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    }
    let keyring: Partial<Keyring> | undefined;
    try {
      keyring = JSON.parse(content) as Partial<Keyring>;
    } catch {
      keyring = undefined;
    }
    // Fail closed: a damaged keyring is never replaced by a new one, which would make every key unusable.
    if (
      keyring?.version !== 1 ||
      typeof keyring.seal?.kind !== "string" ||
      typeof keyring.current !== "number" ||
      !Array.isArray(keyring.domainKeys)
    ) {
      throw new SealError(`${this.#path} is damaged; restore it from a backup`);
    }
    return keyring as Keyring;
  }

  async write(keyring: Keyring): Promise<void> {
    await writeDurably(this.#path, `${JSON.stringify(keyring, null, 2)}\n`);
  }
}
