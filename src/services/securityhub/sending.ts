/**
 * Sending findings and results of insights to EventBridge under a custom action. On AWS the console does it, with actions
 * that no API has: `securityhub:SendFindingEvents`, `securityhub:SendInsightEvents`. Here the console's server does it for
 * who has signed in (`src/roles/securityHubActions.ts`).
 * Sources: Security Hub User Guide, "Types of Security Hub integration with EventBridge" ("up to 20 findings at a time. Each
 * finding is sent to EventBridge as a separate event", "up to 100 results"), "EventBridge event formats for Security Hub";
 * Service Authorization Reference, AWS Security Hub.
 */
import { isoSeconds } from "#kernel/clock.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Access, Service } from "#gateway/service.ts";
import { invalidInput, notFound } from "./errors.ts";
import { holderOf } from "./operations/findings.ts";
import { requireInsight, resultsOf } from "./operations/insights.ts";
import { requireActionTarget } from "./operations/actionTargets.ts";
import {
  arnOf,
  eventsStream,
  findingKey,
  requireHub,
  scopeOf,
  serviceId,
  types,
  type ActionTarget,
  type StoredFinding,
} from "./state.ts";

const mostFindings = 20;
const mostResults = 100;

type Given = Readonly<Record<string, unknown>>;

/** `{ ActionTargetArn, FindingIdentifiers: [{ Id, ProductArn }] }` */
async function sendFindings(input: Given, ctx: CallContext): Promise<Record<string, never>> {
  await requireHub(ctx);
  const target = await requireActionTarget(ctx, text(input, "ActionTargetArn"));
  const identifiers = Array.isArray(input["FindingIdentifiers"]) ? (input["FindingIdentifiers"] as unknown[]) : [];
  if (identifiers.length < 1 || identifiers.length > mostFindings) {
    throw invalidInput(`1 to ${mostFindings} findings can be sent`);
  }
  for (const identifier of identifiers) {
    const given = (identifier ?? {}) as Given;
    const key = findingKey(text(given, "ProductArn"), text(given, "Id"));
    const holder = await holderOf(ctx, key);
    const kept = holder && (await ctx.state.get<StoredFinding>(types.finding, key, scopeOf(holder)));
    if (!kept) throw notFound(`The finding ${text(given, "Id")} was not found`);
    send(ctx, target, "Security Hub Findings - Custom Action", { findings: [kept.value.finding] });
  }
  return {};
}

/** `{ ActionTargetArn, InsightArn }` */
async function sendInsight(input: Given, ctx: CallContext): Promise<Record<string, never>> {
  await requireHub(ctx);
  const target = await requireActionTarget(ctx, text(input, "ActionTargetArn"));
  const insight = await requireInsight(ctx, text(input, "InsightArn"));
  const results = (await resultsOf(ctx, insight)).slice(0, mostResults);
  send(ctx, target, "Security Hub Insight Results", {
    insightArn: insight.arn,
    insightName: insight.name,
    resultType: insight.groupBy,
    "number of results": results.length,
    insightResults: results.map(({ value, count }) => ({ [value]: count })),
  });
  return {};
}

function send(ctx: CallContext, { arn, name, description }: ActionTarget, detailType: string, detail: object): void {
  const { account, region } = ctx;
  ctx.state.emit(eventsStream, account, {
    version: "0",
    id: ctx.random.uuid(),
    "detail-type": detailType,
    source: "aws.securityhub",
    account,
    time: isoSeconds(ctx.now),
    region,
    resources: [arn],
    detail: { actionName: name, actionDescription: description, ...detail },
  });
}

/** @throws InvalidInputException */
function text(given: Given, name: string): string {
  const value = given[name];
  if (typeof value !== "string" || value === "") throw invalidInput(`Invalid parameter '${name}'`);
  return value;
}

const onHub =
  (operation: string) =>
  (_input: unknown, ctx: CallContext): Access => ({
    action: `${serviceId}:${operation}`,
    resource: arnOf(ctx, "hub/default"),
  });

/** For the gateway: the same authorization and the same record as of every call. */
export const sending: Service = {
  id: serviceId,
  operations: new Map([
    ["SendFindingEvents", sendFindings],
    ["SendInsightEvents", sendInsight],
  ]),
  access: new Map([
    ["SendFindingEvents", onHub("SendFindingEvents")],
    ["SendInsightEvents", onHub("SendInsightEvents")],
  ]),
  audit: new Map(
    ["SendFindingEvents", "SendInsightEvents"].map((name) => [
      name,
      (input) => ({ requestParameters: input, responseElements: null, readOnly: false }),
    ]),
  ),
  jobs: [],
  reactors: [],
};
