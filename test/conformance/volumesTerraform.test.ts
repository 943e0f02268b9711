/** EBS through Terraform with the unmodified AWS provider: apply, a plan that finds nothing to do, a change, destroy. */
import assert from "node:assert/strict";
import { EC2 } from "@aws-sdk/client-ec2";
import { eventually } from "../instance.ts";
import { terraformTest } from "../terraform.ts";

const configuration = (size: number, stage: string) => `
resource "aws_kms_key" "volumes" {
  deletion_window_in_days = 7
}
resource "aws_ebs_encryption_by_default" "on" {
  enabled = true
}
resource "aws_ebs_default_kms_key" "volumes" {
  key_arn = aws_kms_key.volumes.arn
}
resource "aws_ebs_volume" "data" {
  availability_zone = "us-east-1a"
  size              = ${size}
  type              = "gp3"
  tags              = { stage = "${stage}" }
  depends_on        = [aws_ebs_encryption_by_default.on, aws_ebs_default_kms_key.volumes]
}
resource "aws_ebs_snapshot" "data" {
  volume_id   = aws_ebs_volume.data.id
  description = "data"
  tags        = { stage = "${stage}" }
}
resource "aws_snapshot_create_volume_permission" "other" {
  snapshot_id = aws_ebs_snapshot.data.id
  account_id  = "111122223333"
}
resource "aws_ebs_snapshot_copy" "data" {
  source_snapshot_id = aws_ebs_snapshot.data.id
  source_region      = "us-east-1"
  encrypted          = true
  kms_key_id         = aws_kms_key.volumes.arn
}
resource "aws_ebs_volume" "restored" {
  availability_zone = "us-east-1b"
  snapshot_id       = aws_ebs_snapshot_copy.data.id
  encrypted         = true
}
`;

terraformTest("volumes and snapshots through Terraform", async (instance, terraform) => {
  await terraform.settle(configuration(1, "first"));
  const ec2 = new EC2(instance.client);
  const { Volumes } = await ec2.describeVolumes({});
  const { KmsKeyId } = await ec2.getEbsDefaultKmsKeyId({});
  assert.deepEqual(
    Volumes!.map((volume) => [volume.Encrypted, volume.KmsKeyId, volume.Size]),
    [
      [true, KmsKeyId, 1],
      [true, KmsKeyId, 1],
    ],
  );
  await terraform.settle(configuration(2, "second"));
  const { Volumes: grown } = await ec2.describeVolumes({ Filters: [{ Name: "tag:stage", Values: ["second"] }] });
  assert.deepEqual(
    grown!.map(({ Size }) => Size),
    [2],
  );
  await terraform.destroy();
  await eventually(async () => (await ec2.describeVolumes({})).Volumes!.length === 0);
  assert.equal((await ec2.getEbsEncryptionByDefault({})).EbsEncryptionByDefault, false);
});
