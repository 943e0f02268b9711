/**
 * The operation as AWS's model says it. No SDK client of this service is at hand in TypeScript, so the shape of one
 * is written down here. Source: CloudTrail Data API Reference, PutAuditEvents.
 */
export interface AuditEvent {
  eventData: string | undefined;
  eventDataChecksum?: string | undefined;
  id: string | undefined;
}

export interface PutAuditEventsInput {
  auditEvents: AuditEvent[] | undefined;
  channelArn: string | undefined;
  externalId?: string | undefined;
}

export interface Failure {
  id: string;
  errorCode: string;
  errorMessage: string;
}

export interface PutAuditEventsOutput {
  successful: { id: string; eventID: string }[];
  failed: Failure[];
}

interface Command<I, O> {
  prototype: {
    readonly input: I;
    resolveMiddleware(...args: never[]): (args: never) => Promise<{ output: O & { $metadata: unknown } }>;
  };
}

export interface CloudTrailData {
  PutAuditEventsCommand: Command<PutAuditEventsInput, PutAuditEventsOutput>;
}
