/** Regions, Availability Zones and what the account has. Source: EC2 API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { optInRegions } from "#kernel/regions.ts";
import { failure, invalidValue } from "../errors.ts";
import { filtered } from "../filters.ts";
import { all } from "../resources.ts";
import type { Ec2Handlers } from "../sdk.ts";
import { regions, zonesOf } from "../zones.ts";

const untagged = <T extends { id: string }>(item: T) => ({ ...item, tags: {} });

/** Source: DescribeAccountAttributes. Values of an account without EC2-Classic. */
const attributes: Readonly<Record<string, string>> = {
  "supported-platforms": "VPC",
  "max-instances": "0",
  "vpc-max-security-groups-per-interface": "5",
  "max-elastic-ips": "0",
  "vpc-max-elastic-ips": "0",
};

async function optInStatus(name: string, ctx: CallContext): Promise<string> {
  if (!optInRegions.has(name)) return "opt-in-not-required";
  return (await ctx.identity.regionEnabled(ctx.account, name)) ? "opted-in" : "not-opted-in";
}

export const regionHandlers: Ec2Handlers = {
  /** "By default, only Regions that are enabled": the others are asked for by AllRegions, or by their name. */
  async DescribeRegions(input, ctx) {
    const known = await Promise.all(
      regions.map(async ({ name }) => untagged({ id: name, status: await optInStatus(name, ctx) })),
    );
    const names = input.RegionNames ?? [];
    for (const name of names) {
      if (!known.some(({ id }) => id === name)) {
        throw invalidValue(
          `Invalid region name: '${name}'. Region names can contain only ASCII letters, numbers, and hyphens.`,
        );
      }
    }
    const endpoint = (name: string) => `ec2.${name}.amazonaws.com`;
    const open = known.filter(({ status }) => input.AllRegions === true || status !== "not-opted-in");
    const asked = names.length > 0 ? known.filter(({ id }) => names.includes(id)) : open;
    const found = filtered(asked, input.Filters, {
      "region-name": ({ id }) => id,
      endpoint: ({ id }) => endpoint(id),
      "opt-in-status": ({ status }) => status,
    });
    return {
      Regions: found.map(({ id, status }) => ({ RegionName: id, Endpoint: endpoint(id), OptInStatus: status })),
    };
  },

  async DescribeAvailabilityZones(input, ctx) {
    const zones = zonesOf(ctx.region).map((zone) => untagged({ ...zone }));
    const names = input.ZoneNames ?? [];
    const ids = input.ZoneIds ?? [];
    for (const name of names) {
      if (!zones.some((zone) => zone.name === name)) throw invalidValue(`Invalid availability zone: [${name}]`);
    }
    for (const id of ids) {
      if (!zones.some((zone) => zone.id === id)) throw invalidValue(`Invalid availability zone-id: [${id}]`);
    }
    const named = zones.filter(
      (zone) => (names.length === 0 || names.includes(zone.name)) && (ids.length === 0 || ids.includes(zone.id)),
    );
    const found = filtered(named, input.Filters, {
      "zone-name": ({ name }) => name,
      "zone-id": ({ id }) => id,
      "region-name": () => ctx.region,
      "zone-type": () => "availability-zone",
      "opt-in-status": () => "opt-in-not-required",
      "group-name": () => `${ctx.region}-zg-1`,
      "group-long-name": () => ctx.region,
      "network-border-group": () => ctx.region,
      message: () => [],
      state: () => "available",
      "parent-zone-id": () => [],
      "parent-zone-name": () => [],
    });
    return {
      AvailabilityZones: found.map(({ name, id }) => ({
        ZoneName: name,
        ZoneId: id,
        RegionName: ctx.region,
        State: "available",
        OptInStatus: "opt-in-not-required",
        ZoneType: "availability-zone",
        GroupName: `${ctx.region}-zg-1`,
        NetworkBorderGroup: ctx.region,
        Messages: [],
      })),
    };
  },

  async DescribeAccountAttributes(input, ctx) {
    const vpc = (await all(ctx, "vpc")).find(({ isDefault }) => isDefault);
    const values: Record<string, string> = { ...attributes, "default-vpc": vpc?.id ?? "none" };
    const names: readonly string[] = input.AttributeNames ?? Object.keys(values);
    return {
      AccountAttributes: names.map((name) => {
        if (!Object.hasOwn(values, name))
          throw failure(
            "InvalidParameterValue",
            `Value (${name}) for parameter attribute is invalid. Unknown attribute.`,
          );
        return { AttributeName: name, AttributeValues: [{ AttributeValue: values[name]! }] };
      }),
    };
  },
};
