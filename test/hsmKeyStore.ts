/** A custom key store of KMS in a CloudHSM cluster of its own, connected. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { KMS } from "@aws-sdk/client-kms";
import type { HsmCustomer } from "./hsmCustomer.ts";
import { eventually } from "./instance.ts";

const officer = "officer-4711";
const kmsPassword = "kms-password-1";

export interface HsmKeyStore {
  clusterId: string;
  storeId: string;
}

/** @param folder the customer's, with the authority that signs the cluster */
export async function connectedHsmStore(customer: HsmCustomer, folder: string, kms: KMS): Promise<HsmKeyStore> {
  const clusterId = await customer.activeCluster(officer);
  await customer.createHsm(clusterId, "b");
  await customer.settled(clusterId, "ACTIVE", 2);
  const asOfficer = ["--cluster", clusterId, "--as", "admin"];
  await customer.must(["user", "create", "kmsuser", ...asOfficer, "--role", "crypto-user"], officer, kmsPassword);
  const { CustomKeyStoreId: storeId } = await kms.createCustomKeyStore({
    CustomKeyStoreName: "hsm",
    CloudHsmClusterId: clusterId,
    KeyStorePassword: kmsPassword,
    // What `activeCluster` signed with.
    TrustAnchorCertificate: readFileSync(join(folder, "ca.crt"), "utf8"),
  });
  assert.equal(await connected(kms, storeId!), "CONNECTED");
  return { clusterId, storeId: storeId! };
}

/** Connects a store; its state, or why it has failed. */
export async function connected(kms: KMS, CustomKeyStoreId: string): Promise<string> {
  await kms.connectCustomKeyStore({ CustomKeyStoreId });
  const found = await eventually(async () => {
    const { CustomKeyStores: [store] = [] } = await kms.describeCustomKeyStores({ CustomKeyStoreId });
    return store!.ConnectionState !== "CONNECTING" && store;
  });
  return found.ConnectionErrorCode ?? found.ConnectionState!;
}
