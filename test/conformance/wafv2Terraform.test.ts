/**
 * WAF through Terraform with the unmodified AWS provider: apply, a plan that finds nothing to do, a change, destroy.
 */
import assert from "node:assert/strict";
import { WAFV2 } from "@aws-sdk/client-wafv2";
import { terraformTest } from "../terraform.ts";

const visibility = (name: string) => `
    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${name}"
      sampled_requests_enabled   = true
    }`;

const configuration = (limit: number, address: string) => `
resource "aws_wafv2_ip_set" "bad" {
  name               = "tf-bad"
  scope              = "REGIONAL"
  description        = "bad addresses"
  ip_address_version = "IPV4"
  addresses          = ["${address}", "10.0.0.0/8"]
  tags               = { team = "red" }
}
resource "aws_wafv2_regex_pattern_set" "admin" {
  name  = "tf-admin"
  scope = "REGIONAL"
  regular_expression {
    regex_string = "^/admin"
  }
  regular_expression {
    regex_string = "(?i)wp-login"
  }
}
resource "aws_wafv2_rule_group" "shared" {
  name     = "tf-shared"
  scope    = "REGIONAL"
  capacity = 100
  rule {
    name     = "admin"
    priority = 1
    action {
      block {}
    }
    statement {
      regex_pattern_set_reference_statement {
        arn = aws_wafv2_regex_pattern_set.admin.arn
        field_to_match {
          uri_path {}
        }
        text_transformation {
          priority = 1
          type     = "LOWERCASE"
        }
      }
    }
    rule_label {
      name = "admin-path"
    }
${visibility("admin")}
  }
${visibility("shared")}
}
resource "aws_wafv2_web_acl" "main" {
  name        = "tf-main"
  scope       = "REGIONAL"
  description = "the web ACL"
  default_action {
    allow {}
  }
  custom_response_body {
    key          = "slow"
    content      = "slow down"
    content_type = "TEXT_PLAIN"
  }
  rule {
    name     = "bad"
    priority = 0
    action {
      block {}
    }
    statement {
      ip_set_reference_statement {
        arn = aws_wafv2_ip_set.bad.arn
      }
    }
${visibility("bad")}
  }
  rule {
    name     = "shared"
    priority = 1
    override_action {
      none {}
    }
    statement {
      rule_group_reference_statement {
        arn = aws_wafv2_rule_group.shared.arn
        rule_action_override {
          name = "admin"
          action_to_use {
            count {}
          }
        }
      }
    }
${visibility("shared-use")}
  }
  rule {
    name     = "sql"
    priority = 2
    action {
      block {}
    }
    statement {
      or_statement {
        statement {
          sqli_match_statement {
            sensitivity_level = "HIGH"
            field_to_match {
              all_query_arguments {}
            }
            text_transformation {
              priority = 0
              type     = "URL_DECODE"
            }
          }
        }
        statement {
          byte_match_statement {
            positional_constraint = "CONTAINS"
            search_string         = "evil"
            field_to_match {
              single_header {
                name = "x-test"
              }
            }
            text_transformation {
              priority = 0
              type     = "NONE"
            }
          }
        }
      }
    }
${visibility("sql")}
  }
  rule {
    name     = "rate"
    priority = 3
    action {
      block {
        custom_response {
          response_code            = 429
          custom_response_body_key = "slow"
          response_header {
            name  = "retry-after"
            value = "60"
          }
        }
      }
    }
    statement {
      rate_based_statement {
        limit                 = ${limit}
        aggregate_key_type    = "IP"
        evaluation_window_sec = 60
        scope_down_statement {
          not_statement {
            statement {
              label_match_statement {
                scope = "LABEL"
                key   = "admin-path"
              }
            }
          }
        }
      }
    }
${visibility("rate")}
  }
  tags = { team = "red" }
${visibility("main")}
}
resource "aws_cloudwatch_log_group" "waf" {
  name = "aws-waf-logs-tf"
}
resource "aws_wafv2_web_acl_logging_configuration" "main" {
  log_destination_configs = [aws_cloudwatch_log_group.waf.arn]
  resource_arn            = aws_wafv2_web_acl.main.arn
  redacted_fields {
    single_header {
      name = "authorization"
    }
  }
  logging_filter {
    default_behavior = "DROP"
    filter {
      behavior    = "KEEP"
      requirement = "MEETS_ANY"
      condition {
        action_condition {
          action = "BLOCK"
        }
      }
    }
  }
}
`;

terraformTest("apply, a plan without changes, a change, destroy", async (instance, terraform) => {
  await terraform.settle(configuration(100, "192.0.2.1/32"));
  await terraform.settle(configuration(300, "198.51.100.0/24"));
  const waf = new WAFV2({ ...instance.client, region: "us-east-1" });
  const { WebACLs } = await waf.listWebACLs({ Scope: "REGIONAL" });
  const { WebACL } = await waf.getWebACL({ ARN: WebACLs![0]!.ARN! });
  assert.equal(WebACL!.Rules!.find(({ Name }) => Name === "rate")!.Statement!.RateBasedStatement!.Limit, 300);
  await terraform.destroy();
  assert.deepEqual((await waf.listWebACLs({ Scope: "REGIONAL" })).WebACLs, []);
  assert.deepEqual((await waf.listIPSets({ Scope: "REGIONAL" })).IPSets, []);
});
