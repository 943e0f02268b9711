/** Logging configurations. Source: AWS WAF API Reference, PutLoggingConfiguration. */
import type { CallContext } from "#gateway/context.ts";
import type { LoggingConfiguration } from "@aws-sdk/client-wafv2";
import { documentKey } from "#engines/waf/index.ts";
import type { LoggingDocument, WebAclDocument } from "#engines/waf/model.ts";
import { checkedScope, invalidParameter, nonexistent, notServed, reasons } from "../errors.ts";
import { grantDelivery, parseDestination } from "../logDestination.ts";
import { nextMarker, pageQuery } from "../paging.ts";
import type { WafHandlers } from "../sdk.ts";
import { findByArn, pathOfScope, types } from "../state.ts";
import { checkField } from "../validation/fields.ts";
import { need, onlyOne } from "../validation/parts.ts";

export const loggingHandlers = {
  async PutLoggingConfiguration(input, ctx) {
    const given = input.LoggingConfiguration!;
    checkScopeOfLog(given);
    if (given.ManagedByFirewallManager) throw notServed("WEB_ACL", "ManagedByFirewallManager", "Firewall Manager is");
    const webAcl = await requireWebAcl(ctx, given.ResourceArn);
    const destinations = given.LogDestinationConfigs ?? [];
    if (destinations.length !== 1)
      throw invalidParameter("LOG_DESTINATION", "LogDestinationConfigs", reasons.exactlyOne);
    const destination = parseDestination(destinations[0]!, { account: ctx.account, region: ctx.region });
    for (const field of given.RedactedFields ?? []) checkRedacted(field);
    checkFilter(given.LoggingFilter);
    await ctx.once("grant", () => grantDelivery(ctx, destination));
    const kept: LoggingDocument = {
      webAclArn: webAcl.arn,
      destination: destination.arn,
      ...(given.RedactedFields ? { redactedFields: given.RedactedFields } : {}),
      ...(given.LoggingFilter ? { filter: given.LoggingFilter } : {}),
    };
    // The web ACL's version is checked: one that is deleted meanwhile leaves no configuration.
    ctx.state.check(types.webAcl, documentKey(webAcl.arn)!.id);
    ctx.state.put(types.logging, documentKey(webAcl.arn)!.id, kept);
    return { LoggingConfiguration: shown(kept) };
  },

  async GetLoggingConfiguration(input, ctx) {
    checkScopeOfLog(input);
    return { LoggingConfiguration: shown(await requireLogging(ctx, input.ResourceArn)) };
  },

  async DeleteLoggingConfiguration(input, ctx) {
    checkScopeOfLog(input);
    await requireLogging(ctx, input.ResourceArn);
    ctx.state.delete(types.logging, documentKey(input.ResourceArn!)!.id);
    return {};
  },

  async ListLoggingConfigurations(input, ctx) {
    checkedScope(input.Scope, ctx.region, "read");
    if (input.LogScope !== undefined && input.LogScope !== "CUSTOMER") return { LoggingConfigurations: [] };
    const page = await ctx.state.list<LoggingDocument>(types.logging, pageQuery(input, `${pathOfScope(input.Scope)}/`));
    return { LoggingConfigurations: page.items.map(({ value }) => shown(value)), ...nextMarker(page.next) };
  },
} satisfies WafHandlers;

/** Configurations of Security Lake and telemetry rules are those services' own. */
function checkScopeOfLog({ LogScope }: { LogScope?: string | undefined }): void {
  if (LogScope !== undefined && LogScope !== "CUSTOMER")
    throw notServed("LOG_DESTINATION", LogScope, "Logs managed by another service are");
}

async function requireWebAcl(ctx: CallContext, arn: string | undefined): Promise<WebAclDocument> {
  const webAcl = await findByArn(ctx, "webacl", arn);
  if (!webAcl) throw nonexistent();
  return webAcl;
}

async function requireLogging(ctx: CallContext, arn: string | undefined): Promise<LoggingDocument> {
  await requireWebAcl(ctx, arn);
  const found = await ctx.state.get<LoggingDocument>(types.logging, documentKey(arn!)!.id);
  if (!found) throw nonexistent();
  return found.value;
}

const redactable = new Set(["UriPath", "QueryString", "SingleHeader", "Method"]);

function checkRedacted(field: NonNullable<LoggingConfiguration["RedactedFields"]>[number]): void {
  checkField(field);
  const kind = onlyOne(field, "FIELD_TO_MATCH", "FieldToMatch");
  need(
    redactable.has(kind),
    "FIELD_TO_MATCH",
    kind,
    "Only UriPath, QueryString, SingleHeader and Method can be redacted.",
  );
}

function checkFilter(filter: LoggingConfiguration["LoggingFilter"]): void {
  for (const { Conditions } of filter?.Filters ?? []) {
    need((Conditions ?? []).length > 0, "LOGGING_FILTER", "Conditions", reasons.minimum);
    for (const condition of Conditions ?? []) onlyOne(condition, "FILTER_CONDITION", "Condition");
  }
}

function shown(logging: LoggingDocument): LoggingConfiguration {
  return {
    ResourceArn: logging.webAclArn,
    LogDestinationConfigs: [logging.destination],
    ...(logging.redactedFields ? { RedactedFields: logging.redactedFields } : {}),
    ManagedByFirewallManager: false,
    ...(logging.filter ? { LoggingFilter: logging.filter } : {}),
    LogType: "WAF_LOGS",
    LogScope: "CUSTOMER",
  };
}
