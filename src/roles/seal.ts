/** Which seal an installation opens with. */
import { join } from "node:path";
import { KeyringFile } from "#keys/keyring.ts";
import type { SealConfig } from "#keys/seals/seal.ts";
import type { RoleConfig } from "./role.ts";

/**
 * A data folder that a passphrase sealed stays so: without the passphrase file it starts sealed and waits for
 * `jikimi unseal`. @throws SealError for a damaged keyring
 */
export async function sealOf(config: RoleConfig): Promise<SealConfig> {
  if (config.passphraseFile !== undefined) return { kind: "passphrase", file: config.passphraseFile };
  const keyring = await new KeyringFile(join(config.dataDir, "keys")).read();
  return keyring?.seal.kind === "passphrase" ? { kind: "passphrase" } : { kind: "development" };
}
