/** Internet gateways: what makes a VPC reachable. A load balancer that faces the internet needs one. Source: EC2 API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { dependency, failure } from "../errors.ts";
import { lookup } from "../lookup.ts";
import { all, hold, need, newId, remove, save } from "../resources.ts";
import type { Ec2Handlers } from "../sdk.ts";
import type { InternetGateway } from "../state.ts";
import { shownTags, tagsOf } from "../tags.ts";

const mostGateways = 5;

function show(ctx: CallContext, gateway: InternetGateway) {
  return {
    InternetGatewayId: gateway.id,
    OwnerId: ctx.account,
    // "available" is what EC2 says of an internet gateway that is attached.
    Attachments: gateway.vpcId === undefined ? [] : [{ VpcId: gateway.vpcId, State: "available" as never }],
    Tags: shownTags(gateway.tags),
  };
}

export const internetGatewayHandlers: Ec2Handlers = {
  async CreateInternetGateway(input, ctx) {
    const tags = tagsOf(input.TagSpecifications, "internet-gateway");
    if ((await all(ctx, "internetGateway")).length >= mostGateways) {
      throw failure("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.");
    }
    const gateway: InternetGateway = { id: newId(ctx, "igw-"), tags };
    save(ctx, "internetGateway", gateway);
    return { InternetGateway: show(ctx, gateway) };
  },

  async DescribeInternetGateways(input, ctx) {
    const { items, NextToken } = await lookup(
      ctx,
      "internetGateway",
      input.InternetGatewayIds,
      input,
      {
        "internet-gateway-id": ({ id }) => id,
        "attachment.vpc-id": ({ vpcId }) => vpcId,
        "attachment.state": ({ vpcId }) => (vpcId === undefined ? undefined : "available"),
        "owner-id": () => ctx.account,
      },
      { least: 5, most: 1000, idsName: "internetGatewayIds" },
    );
    return {
      InternetGateways: items.map((gateway) => show(ctx, gateway)),
      ...(NextToken === undefined ? {} : { NextToken }),
    };
  },

  async AttachInternetGateway(input, ctx) {
    const gateway = await need(ctx, "internetGateway", input.InternetGatewayId ?? "");
    const vpc = await need(ctx, "vpc", input.VpcId ?? "");
    if (gateway.vpcId !== undefined) {
      throw failure(
        "Resource.AlreadyAssociated",
        `resource ${gateway.id} is already attached to network ${gateway.vpcId}`,
      );
    }
    if ((await all(ctx, "internetGateway")).some(({ vpcId }) => vpcId === vpc.id)) {
      throw failure("InvalidParameterValue", `Network ${vpc.id} already has an internet gateway attached`);
    }
    save(ctx, "internetGateway", { ...gateway, vpcId: vpc.id });
    await hold(ctx, "vpc", vpc.id);
    return {};
  },

  async DetachInternetGateway(input, ctx) {
    const gateway = await need(ctx, "internetGateway", input.InternetGatewayId ?? "");
    const vpc = await need(ctx, "vpc", input.VpcId ?? "");
    if (gateway.vpcId !== vpc.id) {
      throw failure("Gateway.NotAttached", `resource ${gateway.id} is not attached to network ${vpc.id}`);
    }
    const { vpcId: _, ...detached } = gateway;
    save(ctx, "internetGateway", detached);
    await hold(ctx, "vpc", vpc.id);
    return {};
  },

  async DeleteInternetGateway(input, ctx) {
    const gateway = await need(ctx, "internetGateway", input.InternetGatewayId ?? "");
    if (gateway.vpcId !== undefined) {
      throw dependency(`The internetGateway '${gateway.id}' has dependencies and cannot be deleted.`);
    }
    // Routes to it stay, as black holes: a route table says so.
    remove(ctx, "internetGateway", gateway.id);
    return {};
  },
};
