/** Findings with good defaults for tests. */
import type { HubFinding } from "./finding.ts";
import { importInto, type HubFacts, type Imported, type Kept } from "./importing.ts";

export const facts: HubFacts = {
  region: "us-east-1",
  productName: "Scanner",
  companyName: "Example",
  processedAt: "2026-01-02T00:00:00Z",
};

/** As a provider sends it. */
export function sent(more: Imported = {}): Imported {
  return {
    SchemaVersion: "2018-10-08",
    Id: "finding-1",
    ProductArn: "arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default",
    GeneratorId: "rule-1",
    AwsAccountId: "111122223333",
    CreatedAt: "2026-01-01T00:00:00Z",
    UpdatedAt: "2026-01-01T00:00:00Z",
    Title: "A port is open",
    Description: "Port 22 is open to the world",
    Resources: [{ Id: "i-1", Type: "AwsEc2Instance" }],
    Severity: { Label: "HIGH" },
    Types: ["TTPs/Discovery"],
    ...more,
  };
}

/** As the hub keeps it. */
export const kept = (more: Imported = {}): Kept => importInto(undefined, sent(more), facts);
export const finding = (more: Imported = {}): HubFinding => kept(more).finding;
