/**
 * The filters of findings: where each one looks, and how it compares. One row each.
 * Source: Security Hub API Reference, AwsSecurityFindingFilters and AutomationRulesFindingFilters (whose rows are among
 * these).
 */

/** How the values of a field are compared. */
export type FilterKind = "string" | "number" | "date" | "ip" | "map" | "keyword" | "boolean";

export interface FilterField {
  kind: FilterKind;
  /** Members from the finding on; a list on the way stands for each of its elements. Of keywords: the whole finding. */
  path: readonly string[];
}

const row = (kind: FilterKind, path: string): FilterField => ({ kind, path: path === "" ? [] : path.split(".") });
const text = (path: string) => row("string", path);
const number = (path: string) => row("number", path);
const date = (path: string) => row("date", path);
const ip = (path: string) => row("ip", path);
const map = (path: string) => row("map", path);

export const filterFields = {
  AwsAccountId: text("AwsAccountId"),
  AwsAccountName: text("AwsAccountName"),
  CompanyName: text("CompanyName"),
  ComplianceAssociatedStandardsId: text("Compliance.AssociatedStandards.StandardsId"),
  ComplianceSecurityControlId: text("Compliance.SecurityControlId"),
  ComplianceSecurityControlParametersName: text("Compliance.SecurityControlParameters.Name"),
  ComplianceSecurityControlParametersValue: text("Compliance.SecurityControlParameters.Value"),
  ComplianceStatus: text("Compliance.Status"),
  Confidence: number("Confidence"),
  CreatedAt: date("CreatedAt"),
  Criticality: number("Criticality"),
  Description: text("Description"),
  FindingProviderFieldsConfidence: number("FindingProviderFields.Confidence"),
  FindingProviderFieldsCriticality: number("FindingProviderFields.Criticality"),
  FindingProviderFieldsRelatedFindingsId: text("FindingProviderFields.RelatedFindings.Id"),
  FindingProviderFieldsRelatedFindingsProductArn: text("FindingProviderFields.RelatedFindings.ProductArn"),
  FindingProviderFieldsSeverityLabel: text("FindingProviderFields.Severity.Label"),
  FindingProviderFieldsSeverityOriginal: text("FindingProviderFields.Severity.Original"),
  FindingProviderFieldsTypes: text("FindingProviderFields.Types"),
  FirstObservedAt: date("FirstObservedAt"),
  GeneratorId: text("GeneratorId"),
  Id: text("Id"),
  Keyword: row("keyword", ""),
  LastObservedAt: date("LastObservedAt"),
  MalwareName: text("Malware.Name"),
  MalwarePath: text("Malware.Path"),
  MalwareState: text("Malware.State"),
  MalwareType: text("Malware.Type"),
  NetworkDestinationDomain: text("Network.DestinationDomain"),
  NetworkDestinationIpV4: ip("Network.DestinationIpV4"),
  NetworkDestinationIpV6: ip("Network.DestinationIpV6"),
  NetworkDestinationPort: number("Network.DestinationPort"),
  NetworkDirection: text("Network.Direction"),
  NetworkProtocol: text("Network.Protocol"),
  NetworkSourceDomain: text("Network.SourceDomain"),
  NetworkSourceIpV4: ip("Network.SourceIpV4"),
  NetworkSourceIpV6: ip("Network.SourceIpV6"),
  NetworkSourceMac: text("Network.SourceMac"),
  NetworkSourcePort: number("Network.SourcePort"),
  NoteText: text("Note.Text"),
  NoteUpdatedAt: date("Note.UpdatedAt"),
  NoteUpdatedBy: text("Note.UpdatedBy"),
  ProcessLaunchedAt: date("Process.LaunchedAt"),
  ProcessName: text("Process.Name"),
  ProcessParentPid: number("Process.ParentPid"),
  ProcessPath: text("Process.Path"),
  ProcessPid: number("Process.Pid"),
  ProcessTerminatedAt: date("Process.TerminatedAt"),
  ProductArn: text("ProductArn"),
  ProductFields: map("ProductFields"),
  ProductName: text("ProductName"),
  RecommendationText: text("Remediation.Recommendation.Text"),
  RecordState: text("RecordState"),
  Region: text("Region"),
  RelatedFindingsId: text("RelatedFindings.Id"),
  RelatedFindingsProductArn: text("RelatedFindings.ProductArn"),
  ResourceApplicationArn: text("Resources.ApplicationArn"),
  ResourceApplicationName: text("Resources.ApplicationName"),
  ResourceAwsEc2InstanceIamInstanceProfileArn: text("Resources.Details.AwsEc2Instance.IamInstanceProfileArn"),
  ResourceAwsEc2InstanceImageId: text("Resources.Details.AwsEc2Instance.ImageId"),
  ResourceAwsEc2InstanceIpV4Addresses: ip("Resources.Details.AwsEc2Instance.IpV4Addresses"),
  ResourceAwsEc2InstanceIpV6Addresses: ip("Resources.Details.AwsEc2Instance.IpV6Addresses"),
  ResourceAwsEc2InstanceKeyName: text("Resources.Details.AwsEc2Instance.KeyName"),
  ResourceAwsEc2InstanceLaunchedAt: date("Resources.Details.AwsEc2Instance.LaunchedAt"),
  ResourceAwsEc2InstanceSubnetId: text("Resources.Details.AwsEc2Instance.SubnetId"),
  ResourceAwsEc2InstanceType: text("Resources.Details.AwsEc2Instance.Type"),
  ResourceAwsEc2InstanceVpcId: text("Resources.Details.AwsEc2Instance.VpcId"),
  ResourceAwsIamAccessKeyCreatedAt: date("Resources.Details.AwsIamAccessKey.CreatedAt"),
  ResourceAwsIamAccessKeyPrincipalName: text("Resources.Details.AwsIamAccessKey.PrincipalName"),
  ResourceAwsIamAccessKeyStatus: text("Resources.Details.AwsIamAccessKey.Status"),
  ResourceAwsIamAccessKeyUserName: text("Resources.Details.AwsIamAccessKey.UserName"),
  ResourceAwsIamUserUserName: text("Resources.Details.AwsIamUser.UserName"),
  ResourceAwsS3BucketOwnerId: text("Resources.Details.AwsS3Bucket.OwnerId"),
  ResourceAwsS3BucketOwnerName: text("Resources.Details.AwsS3Bucket.OwnerName"),
  ResourceContainerImageId: text("Resources.Details.Container.ImageId"),
  ResourceContainerImageName: text("Resources.Details.Container.ImageName"),
  ResourceContainerLaunchedAt: date("Resources.Details.Container.LaunchedAt"),
  ResourceContainerName: text("Resources.Details.Container.Name"),
  ResourceDetailsOther: map("Resources.Details.Other"),
  ResourceId: text("Resources.Id"),
  ResourceOwnerAccountId: text("Resources.OwnerAccountId"),
  ResourceOwnerOrgId: text("Resources.OwnerOrgId"),
  ResourcePartition: text("Resources.Partition"),
  ResourceProvider: text("Resources.Provider"),
  ResourceRegion: text("Resources.Region"),
  ResourceTags: map("Resources.Tags"),
  ResourceType: text("Resources.Type"),
  Sample: row("boolean", "Sample"),
  SeverityLabel: text("Severity.Label"),
  SeverityNormalized: number("Severity.Normalized"),
  SeverityProduct: number("Severity.Product"),
  SourceUrl: text("SourceUrl"),
  ThreatIntelIndicatorCategory: text("ThreatIntelIndicators.Category"),
  ThreatIntelIndicatorLastObservedAt: date("ThreatIntelIndicators.LastObservedAt"),
  ThreatIntelIndicatorSource: text("ThreatIntelIndicators.Source"),
  ThreatIntelIndicatorSourceUrl: text("ThreatIntelIndicators.SourceUrl"),
  ThreatIntelIndicatorType: text("ThreatIntelIndicators.Type"),
  ThreatIntelIndicatorValue: text("ThreatIntelIndicators.Value"),
  Title: text("Title"),
  Type: text("Types"),
  UpdatedAt: date("UpdatedAt"),
  UserDefinedFields: map("UserDefinedFields"),
  VerificationState: text("VerificationState"),
  VulnerabilitiesExploitAvailable: text("Vulnerabilities.ExploitAvailable"),
  VulnerabilitiesFixAvailable: text("Vulnerabilities.FixAvailable"),
  WorkflowState: text("WorkflowState"),
  WorkflowStatus: text("Workflow.Status"),
} as const satisfies Readonly<Record<string, FilterField>>;

export type FilterName = keyof typeof filterFields;

/** The row of a filter, or of an attribute by which insights group. */
export function filterField(name: string): FilterField | undefined {
  return Object.hasOwn(filterFields, name) ? filterFields[name as FilterName] : undefined;
}

/** Every value at a path; lists on the way are walked, what is absent gives nothing. */
export function valuesAt(finding: unknown, path: readonly string[]): unknown[] {
  let found: unknown[] = [finding];
  for (const member of path) {
    found = found.flatMap((each) => {
      const value = isObject(each) ? each[member] : undefined;
      return value === undefined || value === null ? [] : Array.isArray(value) ? (value as unknown[]) : [value];
    });
  }
  return found;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
