/** CloudHSM through Terraform with the unmodified AWS provider: apply, a plan that finds nothing to do, a change of tags, destroy. */
import assert from "node:assert/strict";
import { CloudHSMV2 } from "@aws-sdk/client-cloudhsm-v2";
import { terraformTest } from "../terraform.ts";

const configuration = (stage: string) => `
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

terraformTest("a cluster and an HSM through Terraform", async (instance, terraform) => {
  await terraform.settle(configuration("new"));
  await terraform.settle(configuration("changed"));
  const hsm = new CloudHSMV2(instance.client);
  const { Clusters } = await hsm.describeClusters({});
  assert.deepEqual(Clusters![0]!.TagList, [{ Key: "stage", Value: "changed" }]);
  assert.equal(Clusters![0]!.Hsms![0]!.AvailabilityZone, "us-east-1b");
  assert.match(Clusters![0]!.Certificates!.ClusterCsr!, /CERTIFICATE REQUEST/);
  await terraform.destroy();
  const left = await hsm.describeClusters({ Filters: { states: ["UNINITIALIZED", "ACTIVE"] } });
  assert.deepEqual(left.Clusters, []);
});
