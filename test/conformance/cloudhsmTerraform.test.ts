/** CloudHSM through Terraform with the unmodified AWS provider: apply, a plan that finds nothing to do, a change of tags, destroy. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isInstalled } from "../cli.ts";
import { HsmCustomer } from "../hsmCustomer.ts";
import { startInstance } from "../instance.ts";
import { Terraform } from "../terraform.ts";

const configuration = (stage: string) => `
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
provider "aws" {
  region = "us-east-1"
}
data "aws_subnet" "a" {
  availability_zone = "us-east-1a"
  default_for_az    = true
}
data "aws_subnet" "b" {
  availability_zone = "us-east-1b"
  default_for_az    = true
}
resource "aws_cloudhsm_v2_cluster" "keys" {
  hsm_type   = "hsm2m.medium"
  mode       = "FIPS"
  subnet_ids = [data.aws_subnet.a.id, data.aws_subnet.b.id]
  tags       = { stage = "${stage}" }
}
resource "aws_cloudhsm_v2_hsm" "first" {
  cluster_id = aws_cloudhsm_v2_cluster.keys.cluster_id
  subnet_id  = data.aws_subnet.b.id
}
data "aws_cloudhsm_v2_cluster" "keys" {
  cluster_id = aws_cloudhsm_v2_hsm.first.cluster_id
}
output "csr" {
  value = data.aws_cloudhsm_v2_cluster.keys.cluster_certificates[0].cluster_csr
}
`;

test(
  "a cluster and an HSM through Terraform",
  { skip: (await isInstalled("terraform")) ? false : "terraform is not installed" },
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "jikimi-tf-hsm-"));
    const instance = await startInstance();
    t.after(async () => {
      await instance.stop();
      await rm(folder, { recursive: true, force: true });
    });
    const terraform = new Terraform(instance, folder);
    await terraform.write(configuration("new"));
    if (!(await terraform.init())) return t.skip("needs the AWS provider: TF_PLUGIN_DIR");
    await terraform.apply(configuration("new"));
    const settled = await terraform.plan();
    assert.equal(settled.code, 0, settled.stdout);
    await terraform.apply(configuration("changed"));
    const changed = await terraform.plan();
    assert.equal(changed.code, 0, changed.stdout);
    const { hsm } = new HsmCustomer(instance, folder);
    const { Clusters } = await hsm.describeClusters({});
    assert.deepEqual(Clusters![0]!.TagList, [{ Key: "stage", Value: "changed" }]);
    assert.equal(Clusters![0]!.Hsms![0]!.AvailabilityZone, "us-east-1b");
    assert.match(Clusters![0]!.Certificates!.ClusterCsr!, /CERTIFICATE REQUEST/);
    await terraform.destroy();
    const left = await hsm.describeClusters({ Filters: { states: ["UNINITIALIZED", "ACTIVE"] } });
    assert.deepEqual(left.Clusters, []);
  },
);
