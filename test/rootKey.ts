/**
 * A root access key of an account, made as the operator could who owns the data folder: IAM hands one out only to
 * the root user itself, and the root user of a member account has no password.
 */
import { join } from "node:path";
import { connectIpc } from "#ipc/client.ts";
import { systemRandom } from "#kernel/ids.ts";
import type { KeyHolder } from "#keys/contract.ts";
import { IpcStore, storeErrors } from "#store/ipc.ts";
import { callErrors, remoteCalls } from "../src/roles/internalCalls.ts";
import { protectSecret, putAccessKey } from "../src/services/iam/accessKeySecret.ts";
import { newAccessKey } from "../src/services/iam/bootstrap.ts";
import { transact } from "../src/services/iam/state.ts";
import type { Instance } from "./instance.ts";

export async function rootKey(
  instance: Instance,
  account: string,
): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const client = connectIpc(join(instance.dataDir, "run/internal.sock"), { errors: [...storeErrors, ...callErrors] });
  try {
    const { keys } = remoteCalls(client) as { keys: KeyHolder };
    const key = newAccessKey(systemRandom);
    const secret = await protectSecret(keys, account, key.accessKeyId, key.secretAccessKey);
    await transact(new IpcStore(client), systemRandom, account, async (state) => {
      const root = (await state.get("root", "root"))!;
      state.put("root", "root", { ...root, accessKeys: [...root.accessKeys, key.accessKeyId] });
      const { accessKeyId } = key;
      putAccessKey(state, { accessKeyId, owner: account, status: "Active", createdAt: Date.now(), secret });
    });
    return key;
  } finally {
    await client.close();
  }
}
