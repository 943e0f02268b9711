/** `GET /_jikimi/encryption-matrix`: for the operator of everything, for who signs the request of their account. */
import type { Installation } from "./installation.ts";
import { encryptionMatrix } from "./encryptionMatrix.ts";
import type { EncryptionMatrix, MatrixScope } from "./encryptionMatrixShape.ts";
import type { OwnOperations } from "./ownApi.ts";
import type { RoleConfig } from "./role.ts";

type Config = Pick<RoleConfig, "dataDir" | "storeUrl" | "streamUrl">;

export function operatorMatrix(installation: Installation, config: Config): Promise<EncryptionMatrix> {
  return matrixOf(installation, config, { provider: true });
}

/** `jikimi:GetEncryptionMatrix`. Names of resources and ciphertext of them; of the installation, to its own account only. */
export function matrixOperations(installation: Installation, config: Config): OwnOperations {
  return {
    "GET /_jikimi/encryption-matrix": {
      name: "GetEncryptionMatrix",
      providerOnly: false,
      async answer(_query, ctx) {
        const provider = ctx.account === ctx.config.managementAccount;
        return { ...(await matrixOf(installation, config, { account: ctx.account, provider })) };
      },
    },
  };
}

function matrixOf(
  { runtime, store, stream }: Installation,
  config: Config,
  scope: MatrixScope,
): Promise<EncryptionMatrix> {
  return encryptionMatrix({ runtime, store, stream, config, endpoint: runtime.config.endpoint }, scope);
}
