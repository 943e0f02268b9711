/** A finding in the AWS Security Finding Format, as far as the hub itself reads it; everything else is carried along. */
import type { SeverityLabel } from "./severity.ts";

export interface RelatedFinding {
  ProductArn: string;
  Id: string;
}

export interface FindingSeverity {
  Label: SeverityLabel;
  Normalized: number;
  Product?: number;
  Original?: string;
}

/** What providers say, beside what customers make of it. */
export interface ProviderFields {
  Confidence?: number;
  Criticality?: number;
  RelatedFindings?: RelatedFinding[];
  Severity?: { Label?: SeverityLabel; Original?: string };
  Types?: string[];
}

export interface HubFinding {
  SchemaVersion: string;
  Id: string;
  ProductArn: string;
  GeneratorId: string;
  AwsAccountId: string;
  CreatedAt: string;
  UpdatedAt: string;
  Title: string;
  Description: string;
  Resources: { Id: string; Type: string; [member: string]: unknown }[];
  Severity: FindingSeverity;
  Types?: string[];
  Confidence?: number;
  Criticality?: number;
  RelatedFindings?: RelatedFinding[];
  FindingProviderFields: ProviderFields;
  Workflow: { Status: WorkflowStatus };
  WorkflowState: string;
  RecordState: "ACTIVE" | "ARCHIVED";
  VerificationState?: string;
  Note?: { Text: string; UpdatedBy: string; UpdatedAt: string };
  UserDefinedFields?: Record<string, string>;
  Compliance?: { Status?: string; [member: string]: unknown };
  ProcessedAt: string;
  [member: string]: unknown;
}

export type WorkflowStatus = "NEW" | "NOTIFIED" | "RESOLVED" | "SUPPRESSED";

/** Members that follow the provider until a customer sets them. */
export const sharedFields = ["Confidence", "Criticality", "RelatedFindings", "Severity", "Types"] as const;
export type SharedField = (typeof sharedFields)[number];

/** Members that only customers set after the finding is there. */
export const customerFields = ["Note", "UserDefinedFields", "VerificationState", "Workflow"] as const;
