/** The subscription of an account in a Region, and which providers it listens to. Source: Security Hub API Reference. */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { linkOf, membersOf } from "#gateway/administration.ts";
import { conflict, invalidInput, notFound, unavailable } from "../errors.ts";
import { newHub, putHub, subscribe, subscribeAll } from "../hub.ts";
import { integration, integrations, ownProduct, productArn } from "../products.ts";
import { tokenAfter, tokens } from "../paging.ts";
import type { HubHandlers, Input } from "../sdk.ts";
import {
  arnOf,
  each,
  hubOf,
  requireHub,
  servicePrincipal,
  types,
  type Hub,
  type ProductSubscription,
} from "../state.ts";
import { checkedTags } from "../tags.ts";

export const hubHandlers: HubHandlers = {
  /**
   * `EnableDefaultStandards` is true unless told otherwise, and Terraform sends it: the standards that are enabled by
   * default are none of those that DescribeStandards lists, because it lists none.
   */
  async EnableSecurityHub(input, ctx) {
    if (await hubOf(ctx.state, ctx)) throw conflict("Account is already subscribed to Security Hub");
    requireControlSettings(input);
    const hub: Hub = { ...newHub(ctx, ctx.now), tags: checkedTags(input.Tags) };
    await serviceRole(ctx);
    putHub(ctx.state, hub);
    subscribeAll(ctx.state, ctx);
    return {};
  },

  /** Findings, insights, rules and custom actions go with the hub. */
  async DisableSecurityHub(_input, ctx) {
    await requireHub(ctx);
    if (await linkOf(ctx.state, ctx.account)) {
      throw invalidInput("A member account has to be disassociated from its administrator first");
    }
    if ((await membersOf(ctx.state, ctx.account)).some(({ status }) => status === "Enabled")) {
      throw invalidInput("An administrator has to disassociate its member accounts first");
    }
    for (const type of hubTypes) {
      let after: string | undefined;
      do {
        const page = await ctx.state.list(type, after === undefined ? {} : { after });
        for (const { key } of page.items) ctx.state.delete(type, key.id, { version: "any" });
        after = page.next;
      } while (after !== undefined);
    }
    ctx.state.delete(types.hub, types.hub);
    return {};
  },

  async DescribeHub(input, ctx) {
    const hub = await requireHub(ctx);
    if (input.HubArn !== undefined && input.HubArn !== hub.arn) throw notFound(`The hub ${input.HubArn} was not found`);
    return {
      HubArn: hub.arn,
      SubscribedAt: new Date(hub.subscribedAt).toISOString(),
      ...controlSettings,
    };
  },

  async UpdateSecurityHubConfiguration(input, ctx) {
    await requireHub(ctx);
    requireControlSettings(input);
    return {};
  },

  async DescribeProducts(input, ctx) {
    const all = integrations.map(({ path, name, company, description, categories }) => ({
      ProductArn: productArn(ctx.region, path),
      ProductName: name,
      CompanyName: company,
      Description: description,
      Categories: [...categories],
      IntegrationTypes: ["SEND_FINDINGS_TO_SECURITY_HUB" as const],
    }));
    const own = ownProduct(ctx);
    const Products = [
      ...all,
      { ProductArn: own.arn, ProductName: own.name, CompanyName: own.company, Description: "Findings of your own." },
    ].filter(({ ProductArn }) => input.ProductArn === undefined || ProductArn === input.ProductArn);
    const start = tokens.readOffset(input.NextToken);
    const end = start + (input.MaxResults ?? 100);
    return { Products: Products.slice(start, end), ...tokenAfter(end, Products.length) };
  },

  async EnableImportFindingsForProduct(input, ctx) {
    await requireHub(ctx);
    const path = pathOf(input.ProductArn, ":product/");
    if (path === undefined || !integration(path)) throw notFound(`The product ${input.ProductArn ?? ""} was not found`);
    if (await ctx.state.get(types.product, path)) throw conflict(`The product ${input.ProductArn} is enabled already`);
    subscribe(ctx.state, ctx, path);
    return { ProductSubscriptionArn: arnOf(ctx, `product-subscription/${path}`) };
  },

  async DisableImportFindingsForProduct(input, ctx) {
    await requireHub(ctx);
    const path = pathOf(input.ProductSubscriptionArn, ":product-subscription/");
    if (path === undefined || !(await ctx.state.get(types.product, path))) {
      throw notFound(`The product subscription ${input.ProductSubscriptionArn ?? ""} was not found`);
    }
    ctx.state.delete(types.product, path);
    return {};
  },

  async ListEnabledProductsForImport(input, ctx) {
    await requireHub(ctx);
    const all: string[] = [];
    for await (const { path } of each<ProductSubscription>(ctx.state, types.product, ctx)) {
      all.push(arnOf(ctx, `product-subscription/${path}`));
    }
    const start = tokens.readOffset(input.NextToken);
    const end = start + (input.MaxResults ?? 100);
    return { ProductSubscriptions: all.slice(start, end), ...tokenAfter(end, all.length) };
  },

  /** Standards are checked through AWS Config's recording, which this installation does not have. */
  async DescribeStandards() {
    return { Standards: [] };
  },

  async GetEnabledStandards(input, ctx) {
    await requireHub(ctx);
    const [unknown] = input.StandardsSubscriptionArns ?? [];
    if (unknown !== undefined) throw invalidInput(`The standards subscription ${unknown} was not found`);
    return { StandardsSubscriptions: [] };
  },

  async BatchEnableStandards(_input, ctx) {
    await requireHub(ctx);
    throw unavailable("A security standard", "AWS Config");
  },
};

/** What goes with the hub. */
const hubTypes = [
  types.product,
  types.insight,
  types.rule,
  types.actionTarget,
  types.finding,
  types.history,
  types.aggregator,
];

/** AWS's defaults. They are about controls of standards, and hold as long as there are none. */
const controlSettings = { AutoEnableControls: true, ControlFindingGenerator: "SECURITY_CONTROL" } as const;

/** Other settings would change nothing, so they are refused. @throws InvalidInputException */
function requireControlSettings(
  input: Pick<Input<"UpdateSecurityHubConfiguration">, "AutoEnableControls" | "ControlFindingGenerator">,
): void {
  for (const [name, value] of Object.entries(controlSettings)) {
    const given = input[name as keyof typeof controlSettings] ?? value;
    if (given !== value) throw unavailable(`${name} ${String(given)}`, "security standards, which need AWS Config");
  }
}

const pathOf = (arn: string | undefined, mark: string): string | undefined => arn?.split(mark)[1];

/** "AWSServiceRoleForSecurityHub". Source: Security Hub User Guide, "Service-linked roles". */
async function serviceRole(ctx: CallContext): Promise<void> {
  try {
    await ctx.once("service role", () => ctx.aws.iam.CreateServiceLinkedRole({ AWSServiceName: servicePrincipal }));
  } catch (error) {
    // It is there already.
    if (!(error instanceof AwsError) || error.code !== "InvalidInput") throw error;
  }
}
