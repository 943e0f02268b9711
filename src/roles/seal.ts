/** Which seal an installation opens with. */
import { join } from "node:path";
import { KeyringFile } from "#keys/keyring.ts";
import type { SealConfig } from "#keys/seals/seal.ts";
import { isSharing } from "#keys/seals/shamir.ts";
import type { RoleConfig } from "./role.ts";

/**
 * `development`, `passphrase`, `shamir:<threshold>/<shares>`, `kms:<key ARN>[@<endpoint>]`,
 * `xks:https://<host>[/<prefix>]/kms/xks/v1/keys/<id>`, `tpm[:<PCRs>]`,
 * `pkcs11:token=<label>;object=<label>?module-path=<path>` (RFC 7512). `undefined` when it is none of them. The endpoint is AWS's unless given.
 */
export function parseSeal(text: string): SealConfig | undefined {
  const key = /^kms:(arn:aws[a-z-]*:kms:([a-z0-9-]+):\d{12}:key\/[\w-]+)(?:@(https?:\/\/[^\s/]+)\/?)?$/.exec(text);
  if (key) return { kind: "kms", key: key[1]!, endpoint: key[3] ?? `https://kms.${key[2]}.amazonaws.com` };
  const xks = /^xks:(https:\/\/[^\s/]+)((?:\/[\w-]+)*\/kms\/xks\/v1)\/keys\/([\w-]+)$/.exec(text);
  if (xks) return { kind: "xks", endpoint: xks[1]!, path: xks[2]!, key: xks[3]! };
  const pkcs11 = /^pkcs11:token=([\w.-]{1,32});object=([\w.-]{1,64})\?module-path=(\/[^\s?&;]+)$/.exec(text);
  if (pkcs11) return { kind: "pkcs11", module: pkcs11[3]!, token: pkcs11[1]!, key: pkcs11[2]! };
  const tpm = /^tpm(?::(\d{1,2}(?:,\d{1,2})*))?$/.exec(text);
  if (tpm) return tpm[1] === undefined ? { kind: "tpm" } : { kind: "tpm", pcrs: tpm[1] };
  if (text === "development") return { kind: "development" };
  if (text === "passphrase") return { kind: "passphrase" };
  const sharing = /^shamir:(\d{1,2})\/(\d{1,2})$/.exec(text);
  if (!sharing) return undefined;
  const [threshold, shares] = [Number(sharing[1]), Number(sharing[2])];
  return isSharing(threshold, shares) ? { kind: "shamir", threshold, shares } : undefined;
}

/** Kind of the seal that a data folder is under; `undefined` of a new one. @throws SealError for a damaged keyring */
export async function sealKindOf(dataDir: string): Promise<string | undefined> {
  return (await new KeyringFile(join(dataDir, "keys")).read())?.seal.kind;
}

/**
 * A data folder stays under the seal it has, whatever the role was told when it was started: it may have come under
 * another since. What it was told decides for a new one. @throws SealError for a damaged keyring
 */
export async function sealOf(config: RoleConfig): Promise<SealConfig> {
  const told = toldSeal(config);
  const keyring = await new KeyringFile(join(config.dataDir, "keys")).read();
  if (!keyring) return told;
  const { kind, parameters } = keyring.seal;
  if (kind === "shamir") {
    return { kind, threshold: Number(parameters["threshold"]), shares: Number(parameters["shares"]) };
  }
  if (kind === "kms") return { kind, key: String(parameters["key"]), endpoint: String(parameters["endpoint"]) };
  if (kind === "xks") {
    const { endpoint, path, key } = parameters;
    return { kind, endpoint: String(endpoint), path: String(path), key: String(key) };
  }
  if (kind === "pkcs11") {
    const { module, token, key } = parameters;
    return { kind, module: String(module), token: String(token), key: String(key) };
  }
  if (kind === "tpm") return { kind };
  return kind === "passphrase" ? passphraseSeal(config) : { kind: "development" };
}

function toldSeal(config: RoleConfig): SealConfig {
  const seal = config.seal === undefined ? undefined : parseSeal(config.seal);
  if (seal && seal.kind !== "passphrase") return seal;
  return seal || config.passphraseFile !== undefined ? passphraseSeal(config) : { kind: "development" };
}

function passphraseSeal({ passphraseFile }: RoleConfig): SealConfig {
  return passphraseFile === undefined ? { kind: "passphrase" } : { kind: "passphrase", file: passphraseFile };
}
