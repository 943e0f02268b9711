/** Web ACLs. Source: AWS WAF API Reference. */
import type { CallContext } from "#gateway/context.ts";
import type { WebAclDocument } from "#engines/waf/model.ts";
import { associated, checkedScope, limitExceeded, nonexistent, notServed, reasons } from "../errors.ts";
import { nextMarker, pageQuery } from "../paging.ts";
import { CallReferences, type WafSettings } from "../references.ts";
import { create, remove, summaryOf, update } from "../resources.ts";
import type { In, WafHandlers } from "../sdk.ts";
import { shownWebAcl } from "../shown.ts";
import { documentId, findByArn, pathOfScope, requireNamed, types } from "../state.ts";
import { checkBodies, checkDefaultAction } from "../validation/actions.ts";
import { checkProtection } from "../validation/protection.ts";
import { need } from "../validation/parts.ts";
import { checkRules, checkVisibility } from "../validation/rules.ts";
import { protectedResources } from "./associations.ts";
import { mostCapacity } from "./ruleGroups.ts";

export const webAclHandlers = (settings: WafSettings) =>
  ({
    async CreateWebACL(input, ctx) {
      const webAcl = await create(ctx, "webacl", input, await settingsOf(ctx, input, settings));
      return { Summary: summaryOf(webAcl) };
    },

    async GetWebACL(input, ctx) {
      const webAcl =
        input.ARN === undefined ? await requireNamed(ctx, "webacl", input) : await findByArn(ctx, "webacl", input.ARN);
      if (!webAcl) throw nonexistent();
      return { WebACL: shownWebAcl(webAcl), LockToken: webAcl.lockToken };
    },

    async UpdateWebACL(input, ctx) {
      const before = await requireNamed(ctx, "webacl", input);
      const { id, arn, name, scope, account, region, lockToken } = before;
      const changed: WebAclDocument = {
        id,
        arn,
        name,
        scope,
        account,
        region,
        lockToken,
        ...(input.Description === undefined ? {} : { description: input.Description }),
        ...(await settingsOf(ctx, input, settings)),
      };
      return { NextLockToken: await update(ctx, "webacl", before, input.LockToken, changed) };
    },

    async DeleteWebACL(input, ctx) {
      const webAcl = await requireNamed(ctx, "webacl", input);
      if ((await protectedResources(ctx, webAcl.arn)).length > 0) throw associated();
      await remove(ctx, "webacl", webAcl, input.LockToken);
      ctx.state.delete(types.logging, documentId(webAcl.scope, webAcl.id), { version: "any" });
      return {};
    },

    async ListWebACLs(input, ctx) {
      checkedScope(input.Scope, ctx.region, "read");
      const page = await ctx.state.list<WebAclDocument>(types.webAcl, pageQuery(input, `${pathOfScope(input.Scope)}/`));
      return { WebACLs: page.items.map(({ value }) => summaryOf(value)), ...nextMarker(page.next) };
    },
  }) satisfies WafHandlers;

type Settings = Omit<
  WebAclDocument,
  "id" | "arn" | "name" | "scope" | "account" | "region" | "description" | "lockToken"
>;

async function settingsOf(
  ctx: CallContext,
  input: In<"CreateWebACL"> | In<"UpdateWebACL">,
  settings: WafSettings,
): Promise<Settings> {
  refuseUnserved(input);
  checkVisibility(input.VisibilityConfig);
  checkBodies(input.CustomResponseBodies);
  const bodies = input.CustomResponseBodies ?? {};
  checkDefaultAction(input.DefaultAction, bodies);
  checkProtection(input.DataProtectionConfig);
  checkTokenDomains(input.TokenDomains);
  const immunity = input.ChallengeConfig?.ImmunityTimeProperty?.ImmunityTime;
  need(immunity === undefined || immunity >= 300, "CHALLENGE_CONFIG", "ImmunityTime", reasons.minimum);
  const references = new CallReferences(ctx, input.Scope, settings);
  const rules = await checkRules(input.Rules, "webacl", bodies, references);
  const capacity = references.capacity(rules);
  if (capacity > mostCapacity) throw limitExceeded("WEB_ACL");
  return {
    defaultAction: input.DefaultAction!,
    rules,
    visibility: input.VisibilityConfig!,
    capacity,
    ...(input.CustomResponseBodies ? { customResponseBodies: input.CustomResponseBodies } : {}),
    ...(input.CaptchaConfig ? { captcha: input.CaptchaConfig } : {}),
    ...(input.ChallengeConfig ? { challenge: input.ChallengeConfig } : {}),
    ...(input.TokenDomains ? { tokenDomains: input.TokenDomains } : {}),
    ...(input.DataProtectionConfig ? { dataProtection: input.DataProtectionConfig } : {}),
  };
}

/** What would be kept without effect. */
function refuseUnserved(input: In<"CreateWebACL"> | In<"UpdateWebACL">): void {
  const limits = Object.keys(input.AssociationConfig?.RequestBody ?? {});
  if (limits.length > 0)
    throw notServed("ASSOCIATED_RESOURCE_TYPE", limits[0]!, "Body inspection limits of this resource type are");
  if (input.OnSourceDDoSProtectionConfig)
    throw notServed("LOW_REPUTATION_MODE", "OnSourceDDoSProtectionConfig", "DDoS protection at the load balancer is");
  if (input.ApplicationConfig)
    throw notServed("WEB_ACL", "ApplicationConfig", "Application attributes of the console's recommendations are");
  if (input.MonetizationConfig) throw notServed("MONETIZATION_CONFIG", "MonetizationConfig", "Payments are");
}

/** Source: API Reference, CreateWebACL: no public suffixes; the domains of the protected applications. */
function checkTokenDomains(domains: readonly string[] | undefined): void {
  for (const domain of domains ?? []) {
    need(
      /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?)+$/i.test(domain),
      "TOKEN_DOMAIN",
      domain,
    );
  }
}
