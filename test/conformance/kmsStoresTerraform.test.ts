/** A CloudHSM key store and a key in it through Terraform with the unmodified AWS provider: apply, a plan that finds nothing to do, destroy. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { KMS } from "@aws-sdk/client-kms";
import { HsmCustomer, missingForHsm } from "../hsmCustomer.ts";
import { terraformTest } from "../terraform.ts";

const officer = "officer-4711";
const noHsm = await missingForHsm();

const configuration = (clusterId: string, anchor: string, name: string) => `
resource "aws_kms_custom_key_store" "hsm" {
  cloud_hsm_cluster_id     = "${clusterId}"
  custom_key_store_name    = "${name}"
  key_store_password       = "kms-password-1"
  trust_anchor_certificate = <<-EOT
${anchor}
EOT
}
`;

const name = "a CloudHSM key store with terraform";
if (noHsm !== false) test(name, { skip: noHsm });
else {
  terraformTest(name, async (instance, terraform) => {
    const folder = mkdtempSync(join(tmpdir(), "jikimi-tf-hsm-"));
    try {
      const customer = new HsmCustomer(instance, folder);
      const id = await customer.activeCluster(officer);
      await customer.createHsm(id, "b");
      await customer.settled(id, "ACTIVE", 2);
      const anchor = readFileSync(join(folder, "ca.crt"), "utf8").trim();
      const stores = async () => (await new KMS(instance.client).describeCustomKeyStores({})).CustomKeyStores!;
      await terraform.settle(configuration(id, anchor, "tf-hsm"));
      assert.deepEqual(
        (await stores()).map((each) => [each.CustomKeyStoreName, each.CloudHsmClusterId, each.ConnectionState]),
        [["tf-hsm", id, "DISCONNECTED"]],
      );
      await terraform.settle(configuration(id, anchor, "tf-renamed"));
      assert.equal((await stores())[0]!.CustomKeyStoreName, "tf-renamed");
      await terraform.destroy();
      assert.deepEqual(await stores(), []);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
