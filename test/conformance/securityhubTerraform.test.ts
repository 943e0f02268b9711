/**
 * Security Hub through Terraform with the unmodified AWS provider: the account as the provider's defaults ask for it,
 * what is made of findings, the organization.
 */
import assert from "node:assert/strict";
import { Organizations } from "@aws-sdk/client-organizations";
import { SecurityHub } from "@aws-sdk/client-securityhub";
import { terraformTest } from "../terraform.ts";

const configuration = (stage: string) => `
resource "aws_securityhub_account" "main" {}
resource "aws_securityhub_finding_aggregator" "all" {
  linking_mode = "ALL_REGIONS"
  depends_on   = [aws_securityhub_account.main]
}
resource "aws_securityhub_insight" "grave" {
  name               = "grave ${stage}"
  group_by_attribute = "ResourceId"
  filters {
    severity_label {
      comparison = "EQUALS"
      value      = "CRITICAL"
    }
    created_at {
      date_range {
        unit  = "DAYS"
        value = 5
      }
    }
  }
  depends_on = [aws_securityhub_account.main]
}
resource "aws_securityhub_action_target" "ticket" {
  name        = "ticket"
  identifier  = "Ticket"
  description = "open a ticket ${stage}"
  depends_on  = [aws_securityhub_account.main]
}
resource "aws_securityhub_automation_rule" "quiet" {
  description = "by terraform ${stage}"
  rule_name   = "quiet"
  rule_order  = 1
  actions {
    type = "FINDING_FIELDS_UPDATE"
    finding_fields_update {
      severity {
        label = "LOW"
      }
      workflow {
        status = "SUPPRESSED"
      }
    }
  }
  criteria {
    title {
      comparison = "PREFIX"
      value      = "Noise"
    }
  }
  depends_on = [aws_securityhub_account.main]
}
resource "aws_securityhub_organization_admin_account" "admin" {
  admin_account_id = data.aws_caller_identity.me.account_id
  depends_on       = [aws_securityhub_account.main]
}
resource "aws_securityhub_organization_configuration" "all" {
  auto_enable           = true
  auto_enable_standards = "NONE"
  depends_on            = [aws_securityhub_organization_admin_account.admin]
}
`;

terraformTest("terraform applies, finds nothing more to do, changes and destroys", async (instance, terraform) => {
  await new Organizations(instance.client).createOrganization({ FeatureSet: "ALL" });
  for (const stage of ["first", "second"]) {
    await terraform.settle(configuration(stage));
  }
  const hub = new SecurityHub({ ...instance.client, region: "us-east-1" });
  assert.deepEqual((await hub.getEnabledStandards({})).StandardsSubscriptions, []);
  assert.deepEqual(
    (await hub.getInsights({})).Insights!.map(({ Name }) => Name),
    ["grave second"],
  );
  await terraform.destroy();
  await assert.rejects(hub.describeHub({}), { name: "InvalidAccessException" });
});
