/**
 * The insights that every hub has: one row each, with what their findings have beyond being current. GetInsights shows them
 * to who names them; they cannot be changed. Source: Security Hub User Guide, "Managed insights" (the 31 of its edition in
 * the public repository of the guide that say what they group by; later ones are not here).
 */
import { partitionOf } from "#kernel/arn.ts";
import type { Filters } from "#engines/asff/filters.ts";
import type { FilterName } from "#engines/asff/filterFields.ts";
import type { Insight } from "./state.ts";

type Row = readonly [number: number, name: string, groupBy: FilterName, more?: Filters];

const equals = (...values: string[]) => values.map((Value) => ({ Value, Comparison: "EQUALS" }));
const startsWith = (...values: string[]) => values.map((Value) => ({ Value, Comparison: "PREFIX" }));
const of = (type: string): Filters => ({ ResourceType: equals(type) });
const lastDay = [{ DateRange: { Value: 1, Unit: "DAYS" } }];

const bucket = of("AwsS3Bucket");
const instance = of("AwsEc2Instance");
const bestPractices = "Software and Configuration Checks/AWS Security Best Practices";
const standards = "Software and Configuration Checks/Industry and Regulatory Standards/";
const reachable = { ...instance, Type: startsWith(`${bestPractices}/Network Reachability`) };

const current: Filters = { RecordState: equals("ACTIVE"), WorkflowStatus: equals("NEW", "NOTIFIED") };

const rows: readonly Row[] = [
  [1, "AWS resources with the most findings", "ResourceId"],
  [3, "AMIs that are generating the most findings", "ResourceAwsEc2InstanceImageId", instance],
  [
    6,
    "AWS resources instances that don't meet security standards / best practices",
    "ResourceId",
    { Type: equals(`${standards}AWS Security Best Practices`) },
  ],
  [
    7,
    "AWS resources associated with potential data exfiltration",
    "ResourceId",
    { Type: startsWith("Effects/Data Exfiltration/") },
  ],
  [
    8,
    "AWS resources associated with unauthorized resource consumption",
    "ResourceId",
    { Type: startsWith("Effects/Resource Consumption") },
  ],
  [
    9,
    "AWS principals with suspicious access key activity",
    "ResourceAwsIamAccessKeyPrincipalName",
    of("AwsIamAccessKey"),
  ],
  [
    10,
    "S3 buckets with public write or read permissions",
    "ResourceId",
    { ...bucket, Type: startsWith("Effects/Data Exposure") },
  ],
  [
    11,
    "S3 buckets that don't meet security standards / best practice",
    "ResourceId",
    { ...bucket, Type: equals(`${standards}AWS Security Best Practices`) },
  ],
  [
    12,
    "S3 buckets with sensitive data",
    "ResourceId",
    { ...bucket, Type: startsWith("Sensitive Data Identifications/") },
  ],
  [
    13,
    "Credentials that may have leaked",
    "ResourceId",
    { Type: startsWith("Sensitive Data Identifications/Passwords/") },
  ],
  [
    14,
    "EC2 instances involved in known Tactics, Techniques, and Procedures (TTPs)",
    "ResourceId",
    { ...instance, Type: startsWith("TTPs") },
  ],
  [
    16,
    "EC2 instances that have missing security patches for important vulnerabilities",
    "ResourceId",
    { ...instance, Type: startsWith("Software and Configuration Checks/Vulnerabilities/CVE") },
  ],
  [
    17,
    "EC2 instances with general unusual behavior",
    "ResourceId",
    { ...instance, Type: startsWith("Unusual Behaviors") },
  ],
  [18, "EC2 instances that have ports accessible from the Internet", "ResourceId", reachable],
  [
    19,
    "EC2 instances that don't meet security standards / best practices",
    "ResourceId",
    { ...instance, Type: startsWith(standards, bestPractices) },
  ],
  [21, "EC2 instances that are open to the Internet", "ResourceId", reachable],
  [
    22,
    "EC2 instances associated with adversary reconnaissance",
    "ResourceId",
    { ...instance, Type: startsWith("TTPs/Discovery/Recon") },
  ],
  [
    23,
    "AWS resources that are associated with malware",
    "ResourceId",
    {
      Type: startsWith(
        "Effects/Data Exfiltration/Trojan",
        "TTPs/Initial Access/Trojan",
        "TTPs/Command and Control/Backdoor",
        "TTPs/Command and Control/Trojan",
        "Software and Configuration Checks/Backdoor",
        "Unusual Behaviors/VM/Backdoor",
      ),
    },
  ],
  [
    24,
    "AWS resources associated with cryptocurrency issues",
    "ResourceId",
    {
      Type: startsWith("Effects/Resource Consumption/Cryptocurrency", "TTPs/Command and Control/CryptoCurrency"),
    },
  ],
  [
    25,
    "AWS resources with unauthorized access attempts",
    "ResourceId",
    {
      Type: startsWith(
        "TTPs/Command and Control/UnauthorizedAccess",
        "TTPs/Initial Access/UnauthorizedAccess",
        "Effects/Data Exfiltration/UnauthorizedAccess",
        "Unusual Behaviors/User/UnauthorizedAccess",
        "Effects/Resource Consumption/UnauthorizedAccess",
      ),
    },
  ],
  [27, "Top accounts by counts of findings", "AwsAccountId"],
  [28, "Top products by counts of findings", "ProductArn"],
  [29, "Severity by counts of findings", "SeverityLabel"],
  [30, "Top S3 buckets by counts of findings", "ResourceId", bucket],
  [31, "Top EC2 instances by counts of findings", "ResourceId", instance],
  [32, "Top AMIs by counts of findings", "ResourceAwsEc2InstanceImageId", instance],
  [33, "Top IAM users by counts of findings", "ResourceAwsIamAccessKeyUserName", of("AwsIamAccessKey")],
  [
    34,
    "Top resources by counts of failed CIS checks",
    "ResourceId",
    {
      GeneratorId: startsWith("arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/rule"),
      UpdatedAt: lastDay,
      ComplianceStatus: equals("FAILED"),
    },
  ],
  [35, "Top integrations by counts of findings", "ProductArn"],
  [
    36,
    "Resources with the most failed security checks",
    "ResourceId",
    { UpdatedAt: lastDay, ComplianceStatus: equals("FAILED") },
  ],
  [37, "IAM users with suspicious activity", "ResourceAwsIamUserUserName", of("AwsIamUser")],
];

const prefixOf = (region: string) => `arn:${partitionOf(region)}:securityhub:::insight/securityhub/default/`;

export function managedInsight(region: string, arn: string): Insight | undefined {
  const prefix = prefixOf(region);
  const row = rows.find(([number]) => arn === `${prefix}${number}`);
  if (!row) return undefined;
  const [number, name, groupBy, more] = row;
  return { id: String(number), arn, name, filters: { ...more, ...current }, groupBy, createdAt: 0 };
}
