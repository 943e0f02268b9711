/** Everything in the navigation: the mission's nineteen systems, then the services they stand on. */
import type { MessageKey } from "../i18n/i18n.tsx";

export interface System {
  /** First segment of its pages. */
  id: string;
  name: MessageKey;
  /** Services without which there is nothing to show. Absent: not built yet. */
  needs?: readonly string[];
  /** Pages below it, by second segment. */
  pages?: readonly { id: string; name: MessageKey }[];
}

export const systems: readonly System[] = [
  { id: "shared-responsibility", name: "system.sharedResponsibility" },
  { id: "shield", name: "system.shield" },
  {
    id: "waf",
    name: "system.waf",
    needs: ["wafv2"],
  },
  { id: "penetration-testing", name: "system.penetrationTesting" },
  { id: "encryption", name: "system.encryption", needs: ["kms"] },
  {
    id: "kms",
    name: "system.kms",
    needs: ["kms"],
    pages: [
      { id: "keys", name: "kms.keys" },
      { id: "stores", name: "kms.stores" },
    ],
  },
  {
    id: "cloudhsm",
    name: "system.cloudhsm",
    needs: ["cloudhsmv2"],
    pages: [
      { id: "clusters", name: "hsm.clusters" },
      { id: "compare", name: "hsm.compare" },
    ],
  },
  { id: "key-types", name: "system.keyTypes", needs: ["kms"] },
  { id: "acm", name: "system.acm", needs: ["acm"] },
  { id: "secrets", name: "system.secrets" },
  { id: "artifact", name: "system.artifact" },
  {
    id: "guardduty",
    name: "system.guardduty",
    needs: ["guardduty"],
  },
  { id: "inspector", name: "system.inspector" },
  { id: "config", name: "system.config" },
  { id: "macie", name: "system.macie" },
  { id: "security-hub", name: "system.securityHub", needs: ["securityhub"] },
  { id: "detective", name: "system.detective" },
  { id: "abuse", name: "system.abuse" },
  { id: "root-user", name: "system.root", needs: ["iam"] },
];

export const foundation: readonly System[] = [
  {
    id: "iam",
    name: "system.iam",
    needs: ["iam"],
    pages: [
      { id: "users", name: "iam.users" },
      { id: "groups", name: "iam.groups" },
      { id: "roles", name: "iam.roles" },
      { id: "policies", name: "iam.policies" },
      { id: "account", name: "iam.accountSettings" },
    ],
  },
  { id: "s3", name: "system.s3", needs: ["s3"] },
  {
    id: "cloudtrail",
    name: "system.cloudtrail",
    needs: ["cloudtrail"],
    pages: [
      { id: "events", name: "cloudtrail.events" },
      { id: "trails", name: "cloudtrail.trails" },
    ],
  },
  { id: "organizations", name: "system.organizations", needs: ["organizations"] },
  { id: "load-balancers", name: "system.loadBalancers", needs: ["elbv2"] },
  {
    id: "cloudwatch",
    name: "system.cloudwatch",
    needs: ["cloudwatch", "logs"],
    pages: [
      { id: "alarms", name: "cloudwatch.alarms" },
      { id: "logs", name: "cloudwatch.logs" },
      { id: "insights", name: "cloudwatch.insights" },
    ],
  },
  { id: "eventbridge", name: "system.eventbridge", needs: ["events"] },
  { id: "sns", name: "system.sns", needs: ["sns"] },
  { id: "sqs", name: "system.sqs", needs: ["sqs"] },
  { id: "ledger", name: "system.ledger", needs: ["kms"] },
  { id: "seal", name: "system.seal", needs: ["kms"] },
];

export function isBuilt(system: System, services: readonly string[]): boolean {
  return system.needs?.every((each) => services.includes(each)) ?? false;
}
