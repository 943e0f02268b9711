/** Route tables: the local routes, and routes to internet gateways. Source: EC2 API Reference; Amazon VPC User Guide, "Configure route tables". */
import type { CallContext } from "#gateway/context.ts";
import { cidrText, contains, parseCidr } from "../cidr.ts";
import { dependency, failure, invalidValue, missing, unsupported } from "../errors.ts";
import { kinds } from "../kinds.ts";
import { lookup } from "../lookup.ts";
import { all, hold, need, newId, remove, save } from "../resources.ts";
import type { Ec2Handlers, In } from "../sdk.ts";
import type { InternetGateway, Route, RouteTable, RouteTableAssociation, Vpc } from "../state.ts";
import { shownTags, tagsOf } from "../tags.ts";

const mostTables = 200;
const mostRoutes = 500;

interface Surroundings {
  vpcs: readonly Vpc[];
  gateways: readonly InternetGateway[];
}

async function surroundings(ctx: CallContext): Promise<Surroundings> {
  return { vpcs: await all(ctx, "vpc"), gateways: await all(ctx, "internetGateway") };
}

function show(ctx: CallContext, table: RouteTable, { vpcs, gateways }: Surroundings) {
  const locals = vpcs.find(({ id }) => id === table.vpcId)?.cidrs ?? [];
  // A gateway that is gone or is elsewhere swallows what is sent to it.
  const leads = (route: Route) => gateways.some(({ id, vpcId }) => id === route.gatewayId && vpcId === table.vpcId);
  return {
    RouteTableId: table.id,
    VpcId: table.vpcId,
    OwnerId: ctx.account,
    Associations: table.associations.map((association) => showAssociation(table, association)),
    PropagatingVgws: [],
    Routes: [
      ...locals.map(({ cidr }) => ({
        DestinationCidrBlock: cidr,
        GatewayId: "local",
        Origin: "CreateRouteTable" as const,
        State: "active" as const,
      })),
      ...table.routes.map((route) => ({
        DestinationCidrBlock: route.destination,
        GatewayId: route.gatewayId,
        Origin: "CreateRoute" as const,
        State: leads(route) ? ("active" as const) : ("blackhole" as const),
      })),
    ],
    Tags: shownTags(table.tags),
  };
}

function showAssociation(table: RouteTable, { id, main, subnetId }: RouteTableAssociation) {
  return {
    RouteTableAssociationId: id,
    RouteTableId: table.id,
    Main: main,
    ...(subnetId === undefined ? {} : { SubnetId: subnetId }),
    AssociationState: { State: "associated" as const },
  };
}

/** Targets that a route can have on AWS and for which there is nothing here. */
const absent = [
  "NatGatewayId",
  "EgressOnlyInternetGatewayId",
  "TransitGatewayId",
  "LocalGatewayId",
  "CarrierGatewayId",
  "VpcPeeringConnectionId",
  "InstanceId",
  "NetworkInterfaceId",
  "VpcEndpointId",
  "CoreNetworkArn",
  "OdbNetworkArn",
] as const;

type RouteInput = In<"CreateRoute">;

function destinationOf(input: RouteInput | In<"DeleteRoute">): string {
  const { DestinationCidrBlock: cidr, DestinationIpv6CidrBlock: ipv6, DestinationPrefixListId: list } = input;
  if (ipv6 !== undefined) throw unsupported("IPv6 in a route table");
  if (list !== undefined) throw unsupported("A route to a prefix list");
  if (cidr === undefined) throw missing("destinationCidrBlock");
  const block = parseCidr(cidr);
  if (block?.family !== 4) {
    throw invalidValue(
      `Value (${cidr}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.`,
    );
  }
  return cidrText(block);
}

async function targetOf(ctx: CallContext, input: RouteInput, table: RouteTable): Promise<string> {
  const other = absent.find((name) => input[name] !== undefined);
  if (other) throw unsupported(`A route with ${other}`);
  const id = input.GatewayId;
  if (id === undefined) throw failure("MissingParameter", "Must specify exactly one route target.");
  if (!id.startsWith(kinds.internetGateway.prefix))
    throw failure("InvalidGatewayID.NotFound", `The gateway ID '${id}' does not exist`);
  const gateway = await need(ctx, "internetGateway", id);
  if (gateway.vpcId !== table.vpcId) {
    throw invalidValue(`route table ${table.id} and network gateway ${id} belong to different networks`);
  }
  await hold(ctx, "internetGateway", id);
  return id;
}

async function ofAssociation(
  ctx: CallContext,
  id: string,
): Promise<{ table: RouteTable; association: RouteTableAssociation }> {
  const found = (await all(ctx, "routeTable")).find(({ associations }) => associations.some((each) => each.id === id));
  const table = found && (await need(ctx, "routeTable", found.id));
  const association = table?.associations.find((each) => each.id === id);
  if (!table || !association) {
    throw failure("InvalidAssociationID.NotFound", `The association ID '${id}' does not exist`);
  }
  return { table, association };
}

export const routeTableHandlers: Ec2Handlers = {
  async CreateRouteTable(input, ctx) {
    const vpc = await need(ctx, "vpc", input.VpcId ?? "");
    const tags = tagsOf(input.TagSpecifications, "route-table");
    if ((await all(ctx, "routeTable")).filter(({ vpcId }) => vpcId === vpc.id).length >= mostTables) {
      throw failure("RouteTableLimitExceeded", "The maximum number of route tables has been reached.");
    }
    const table: RouteTable = { id: newId(ctx, "rtb-"), vpcId: vpc.id, associations: [], routes: [], tags };
    save(ctx, "routeTable", table);
    await hold(ctx, "vpc", vpc.id);
    return { RouteTable: show(ctx, table, await surroundings(ctx)) };
  },

  async DescribeRouteTables(input, ctx) {
    const around = await surroundings(ctx);
    const shown = (table: RouteTable) => show(ctx, table, around);
    const { items, NextToken } = await lookup(
      ctx,
      "routeTable",
      input.RouteTableIds,
      input,
      {
        "route-table-id": ({ id }) => id,
        "vpc-id": ({ vpcId }) => vpcId,
        "owner-id": () => ctx.account,
        "association.main": ({ associations }) => associations.map(({ main }) => String(main)),
        "association.subnet-id": ({ associations }) => associations.flatMap(({ subnetId }) => subnetId ?? []),
        "association.gateway-id": () => [],
        "association.route-table-association-id": ({ associations }) => associations.map(({ id }) => id),
        "association.route-table-id": ({ id, associations }) => associations.map(() => id),
        "route.destination-cidr-block": (table) => shown(table).Routes.map((route) => route.DestinationCidrBlock),
        "route.gateway-id": (table) => shown(table).Routes.map((route) => route.GatewayId),
        "route.origin": (table) => shown(table).Routes.map((route) => route.Origin),
        "route.state": (table) => shown(table).Routes.map((route) => route.State),
        ...Object.fromEntries(
          [
            "destination-ipv6-cidr-block",
            "destination-prefix-list-id",
            "egress-only-internet-gateway-id",
            "instance-id",
          ]
            .concat(["nat-gateway-id", "transit-gateway-id", "vpc-peering-connection-id"])
            .map((name) => [`route.${name}`, () => []]),
        ),
      },
      { least: 5, most: 100, idsName: "routeTableIds" },
    );
    return { RouteTables: items.map(shown), ...(NextToken === undefined ? {} : { NextToken }) };
  },

  async CreateRoute(input, ctx) {
    const table = await need(ctx, "routeTable", input.RouteTableId ?? "");
    const destination = destinationOf(input);
    const gatewayId = await targetOf(ctx, input, table);
    const vpc = await need(ctx, "vpc", table.vpcId);
    const block = parseCidr(destination)!;
    if (vpc.cidrs.some(({ cidr }) => contains(parseCidr(cidr)!, block))) {
      throw invalidValue(
        `The destination CIDR block ${destination} is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an interface or an instance.`,
      );
    }
    if (table.routes.some((route) => route.destination === destination)) {
      throw failure("RouteAlreadyExists", `The route identified by ${destination} already exists.`);
    }
    if (table.routes.length >= mostRoutes) {
      throw failure("RouteLimitExceeded", "The maximum number of routes has been reached.");
    }
    save(ctx, "routeTable", { ...table, routes: [...table.routes, { destination, gatewayId }] });
    return { Return: true };
  },

  async ReplaceRoute(input, ctx) {
    const table = await need(ctx, "routeTable", input.RouteTableId ?? "");
    const destination = destinationOf(input);
    const gatewayId = await targetOf(ctx, input, table);
    if (!table.routes.some((route) => route.destination === destination)) {
      throw invalidValue(`There is no route defined for '${destination}' in the route table. Use CreateRoute instead.`);
    }
    const routes = table.routes.map((route) =>
      route.destination === destination ? { destination, gatewayId } : route,
    );
    save(ctx, "routeTable", { ...table, routes });
    return {};
  },

  async DeleteRoute(input, ctx) {
    const table = await need(ctx, "routeTable", input.RouteTableId ?? "");
    const destination = destinationOf(input);
    const vpc = await need(ctx, "vpc", table.vpcId);
    if (vpc.cidrs.some(({ cidr }) => cidr === destination)) {
      throw invalidValue(`cannot remove local route ${destination} in route table ${table.id}`);
    }
    if (!table.routes.some((route) => route.destination === destination)) {
      throw failure(
        "InvalidRoute.NotFound",
        `no route with destination-cidr-block ${destination} in route table ${table.id}`,
      );
    }
    save(ctx, "routeTable", { ...table, routes: table.routes.filter((route) => route.destination !== destination) });
    return {};
  },

  async AssociateRouteTable(input, ctx) {
    if (input.GatewayId !== undefined) throw unsupported("A gateway route table");
    if (input.SubnetId === undefined) throw missing("subnetId");
    const table = await need(ctx, "routeTable", input.RouteTableId ?? "");
    const subnet = await need(ctx, "subnet", input.SubnetId);
    if (subnet.vpcId !== table.vpcId) {
      throw invalidValue(`route table ${table.id} and subnet ${subnet.id} belong to different networks`);
    }
    for (const each of await all(ctx, "routeTable")) {
      const existing = each.associations.find(({ subnetId }) => subnetId === subnet.id);
      if (!existing) continue;
      if (each.id === table.id) return { AssociationId: existing.id, AssociationState: { State: "associated" } };
      throw failure(
        "Resource.AlreadyAssociated",
        `the specified association for route table ${table.id} conflicts with an existing association`,
      );
    }
    const association: RouteTableAssociation = { id: newId(ctx, "rtbassoc-"), main: false, subnetId: subnet.id };
    save(ctx, "routeTable", { ...table, associations: [...table.associations, association] });
    await hold(ctx, "subnet", subnet.id);
    return { AssociationId: association.id, AssociationState: { State: "associated" } };
  },

  async DisassociateRouteTable(input, ctx) {
    const { table, association } = await ofAssociation(ctx, input.AssociationId ?? "");
    if (association.main) {
      throw invalidValue(`cannot disassociate the main route table association ${association.id}`);
    }
    save(ctx, "routeTable", { ...table, associations: table.associations.filter(({ id }) => id !== association.id) });
    return {};
  },

  /** Of a subnet or, for a main association, of the VPC. The association gets a new id. */
  async ReplaceRouteTableAssociation(input, ctx) {
    const { table, association } = await ofAssociation(ctx, input.AssociationId ?? "");
    const next = await need(ctx, "routeTable", input.RouteTableId ?? "");
    if (next.vpcId !== table.vpcId) {
      throw invalidValue(`route table ${next.id} and route table ${table.id} belong to different networks`);
    }
    const moved = { ...association, id: newId(ctx, "rtbassoc-") };
    save(ctx, "routeTable", { ...table, associations: table.associations.filter(({ id }) => id !== association.id) });
    const target = await need(ctx, "routeTable", next.id);
    save(ctx, "routeTable", { ...target, associations: [...target.associations, moved] });
    return { NewAssociationId: moved.id, AssociationState: { State: "associated" } };
  },

  async DeleteRouteTable(input, ctx) {
    const table = await need(ctx, "routeTable", input.RouteTableId ?? "");
    if (table.associations.length > 0) {
      throw dependency(`The routeTable '${table.id}' has dependencies and cannot be deleted.`);
    }
    remove(ctx, "routeTable", table.id);
    return {};
  },
};
