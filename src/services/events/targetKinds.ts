/**
 * What can be a target, by the ARN. Source: EventBridge User Guide, "Event bus targets", "Permissions for Amazon
 * EventBridge to access targets using IAM roles"; texts of refusals as AWS answers PutTargets.
 */
import { parseArn, type Arn } from "#kernel/arn.ts";
import { invalid, invalidParameter } from "./errors.ts";
import type { KeptTarget, Place } from "./state.ts";

export type TargetKind = "queue" | "topic" | "logGroup" | "bus" | "apiDestination";

interface Row {
  kind: TargetKind;
  service: string;
  resource: RegExp;
  /** Deliveries at a time. */
  atOnce: number;
}

const rows: readonly Row[] = [
  { kind: "queue", service: "sqs", resource: /^[A-Za-z0-9_-]{1,80}(?:\.fifo)?$/, atOnce: 16 },
  { kind: "topic", service: "sns", resource: /^[A-Za-z0-9_-]{1,256}$/, atOnce: 16 },
  // Writers of one log stream would lose races against each other.
  { kind: "logGroup", service: "logs", resource: /^log-group:[^:*]{1,512}(?::\*)?$/, atOnce: 1 },
  { kind: "bus", service: "events", resource: /^event-bus\/[/.\-_A-Za-z0-9]{1,256}$/, atOnce: 16 },
  {
    kind: "apiDestination",
    service: "events",
    resource: /^api-destination\/[.\-_A-Za-z0-9]{1,64}\/[-A-Za-z0-9]+$/,
    atOnce: 16,
  },
];

export function rowOf(arn: string): (Row & { arn: Arn }) | undefined {
  const parsed = parseArn(arn);
  const row =
    parsed && rows.find(({ service, resource }) => service === parsed.service && resource.test(parsed.resource));
  return row && { ...row, arn: parsed };
}

/**
 * The refusals of the whole call. What AWS has and this installation has not is said of the single target.
 * @throws ValidationException
 */
export function checkTarget(target: KeptTarget, rule: Place): { unserved?: string } {
  const { Id = "", Arn = "", RoleArn } = target;
  const parsed = parseArn(Arn);
  if (!parsed || parsed.resource === "") throw invalidParameter(Arn, "Provided Arn is not in correct format.");
  const row = rowOf(Arn);
  if (!row) {
    if (rows.some(({ service }) => service === parsed.service) && !/\.fifo$/.test(parsed.resource)) {
      throw invalidParameter(Arn, "Provided Arn is not in correct format.");
    }
    const kind = parsed.resource.endsWith(".fifo") ? `${parsed.service} FIFO` : parsed.service;
    return { unserved: `Targets of the kind ${kind} are not served by this installation.` };
  }
  const foreign = parsed.account !== rule.account || parsed.region !== rule.region;
  if (row.kind === "apiDestination" || (row.kind === "bus" && foreign)) {
    if (RoleArn === undefined) throw invalid(`RoleArn is required for target ${Arn}.`);
  }
  if (row.kind !== "bus" && parsed.region !== rule.region) {
    throw invalidParameter(Arn, "A target in another Region has to be an event bus.");
  }
  if (row.kind === "logGroup" && parsed.account !== rule.account) {
    throw invalidParameter(Arn, "A log group has to be in the account of the rule.");
  }
  if (row.kind === "queue" && Arn.endsWith(".fifo") && target.SqsParameters?.MessageGroupId === undefined) {
    throw invalid(`Parameter(s) SqsParameters must be specified for target: ${Id}.`);
  }
  if (row.kind !== "apiDestination" && target.HttpParameters) {
    throw invalid(`Parameter(s) HttpParameters not valid for target: ${Id}.`);
  }
  if (row.kind !== "queue" && target.SqsParameters)
    throw invalid(`Parameter(s) SqsParameters not valid for target: ${Id}.`);
  return {};
}
