/**
 * Which web ACL protects which resource: application load balancers.
 * Source: AWS WAF API Reference, AssociateWebACL, GetWebACLForResource, ListResourcesForWebACL.
 */
import type { CallContext } from "#gateway/context.ts";
import type { Association } from "#engines/waf/contract.ts";
import { referencesOf } from "#engines/waf/source.ts";
import { parseArn } from "#kernel/arn.ts";
import { edgeDocument, edgeService } from "../../../edge/config.ts";
import { invalidParameter, nonexistent, notServed, reasons, unavailable } from "../errors.ts";
import type { WafHandlers } from "../sdk.ts";
import { shownWebAcl } from "../shown.ts";
import { documentId, findByArn, type Kinds, types } from "../state.ts";

export const associationHandlers = {
  async AssociateWebACL(input, ctx) {
    const webAcl = await findByArn(ctx, "webacl", input.WebACLArn);
    if (!webAcl) throw nonexistent();
    const resource = await requireResource(ctx, input.ResourceArn ?? "");
    // One web ACL a resource: the newer one takes the place.
    await ctx.state.get<Association>(types.association, resource);
    ctx.state.put<Association>(
      types.association,
      resource,
      { resourceArn: resource, webAclArn: webAcl.arn },
      { indexes: { webAcl: webAcl.arn } },
    );
    await keepAlive(ctx, webAcl);
    return {};
  },

  async DisassociateWebACL(input, ctx) {
    const resource = await requireResource(ctx, input.ResourceArn ?? "");
    const found = await ctx.state.get<Association>(types.association, resource);
    // Nothing to take away is no error.
    if (found) ctx.state.delete(types.association, resource);
    return {};
  },

  async GetWebACLForResource(input, ctx) {
    const resource = await requireResource(ctx, input.ResourceArn ?? "");
    const found = await ctx.state.get<Association>(types.association, resource);
    const webAcl = found && (await findByArn(ctx, "webacl", found.value.webAclArn));
    return webAcl ? { WebACL: shownWebAcl(webAcl) } : {};
  },

  async ListResourcesForWebACL(input, ctx) {
    const webAcl = await findByArn(ctx, "webacl", input.WebACLArn);
    if (!webAcl) throw nonexistent();
    if ((input.ResourceType ?? "APPLICATION_LOAD_BALANCER") !== "APPLICATION_LOAD_BALANCER")
      return { ResourceArns: [] };
    return { ResourceArns: await protectedResources(ctx, webAcl.arn) };
  },
} satisfies WafHandlers;

/** INVARIANT: the web ACL has a new version in the batch of the association, so that a deletion that has not seen it fails and looks again. */
async function keepAlive(ctx: CallContext, webAcl: Kinds["webacl"]): Promise<void> {
  const id = documentId(webAcl.scope, webAcl.id);
  const found = await ctx.state.get<Kinds["webacl"]>(types.webAcl, id);
  if (!found) throw nonexistent();
  ctx.state.put(types.webAcl, id, found.value, { indexes: { uses: referencesOf(found.value.rules) } });
}

/** Resources a web ACL protects that are still there: a load balancer that was deleted leaves its association behind. */
export async function protectedResources(ctx: CallContext, webAclArn: string): Promise<string[]> {
  const found: string[] = [];
  let after: string | undefined;
  do {
    const page = await ctx.state.find<Association>(types.association, "webAcl", {
      value: webAclArn,
      limit: 200,
      ...(after === undefined ? {} : { after }),
    });
    for (const { key } of page.items) {
      if (await isThere(ctx, key.id)) found.push(key.id);
      else ctx.state.delete(types.association, key.id, { version: "any" });
    }
    after = page.next;
  } while (after !== undefined);
  return found.toSorted();
}

const isThere = async (ctx: CallContext, arn: string): Promise<boolean> =>
  (await ctx.state.get(edgeDocument.frontEnd, arn, { service: edgeService })) !== undefined;

const loadBalancer = /^arn:[a-z-]+:elasticloadbalancing:[a-z0-9-]+:\d{12}:loadbalancer\/app\/[^/]+\/[0-9a-f]+$/;
const otherResources = /^arn:[a-z-]+:(?:apigateway|appsync|cognito-idp|apprunner|ec2|amplify|bedrock-agentcore):/;

/** @throws WAFInvalidParameterException, WAFUnavailableEntityException */
async function requireResource(ctx: CallContext, arn: string): Promise<string> {
  if (otherResources.test(arn)) throw notServed("RESOURCE_ARN", arn, "Web ACLs on this kind of resource are");
  const parsed = parseArn(arn);
  if (!loadBalancer.test(arn) || parsed?.account !== ctx.account || parsed.region !== ctx.region) {
    throw invalidParameter("RESOURCE_ARN", arn, reasons.formatting);
  }
  if (!(await isThere(ctx, arn))) throw unavailable();
  return arn;
}
