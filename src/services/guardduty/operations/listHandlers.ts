/** The handlers of the four kinds of lists: names of members differ, nothing else. */
import type { CallContext } from "#gateway/context.ts";
import type { Input, Output } from "../sdk.ts";
import { createList, deleteList, getList, listIds, shownEntitySet, shownList, updateList } from "./lists.ts";

export async function createIPSet(input: Input<"CreateIPSet">, ctx: CallContext): Promise<Output<"CreateIPSet">> {
  return { IpSetId: await createList("ipset", input, ctx) };
}

export async function getIPSet(input: Input<"GetIPSet">, ctx: CallContext): Promise<Output<"GetIPSet">> {
  return shownList(await getList("ipset", input.DetectorId, input.IpSetId, ctx));
}

export async function listIPSets(input: Input<"ListIPSets">, ctx: CallContext): Promise<Output<"ListIPSets">> {
  const { ids, next } = await listIds("ipset", input, ctx);
  return { IpSetIds: ids, ...next };
}

export async function updateIPSet(input: Input<"UpdateIPSet">, ctx: CallContext): Promise<Output<"UpdateIPSet">> {
  await updateList("ipset", input, input.IpSetId, ctx);
  return {};
}

export async function deleteIPSet(input: Input<"DeleteIPSet">, ctx: CallContext): Promise<Output<"DeleteIPSet">> {
  await deleteList("ipset", input.DetectorId, input.IpSetId, ctx);
  return {};
}

export async function createThreatIntelSet(
  input: Input<"CreateThreatIntelSet">,
  ctx: CallContext,
): Promise<Output<"CreateThreatIntelSet">> {
  return { ThreatIntelSetId: await createList("threatintelset", input, ctx) };
}

export async function getThreatIntelSet(
  input: Input<"GetThreatIntelSet">,
  ctx: CallContext,
): Promise<Output<"GetThreatIntelSet">> {
  return shownList(await getList("threatintelset", input.DetectorId, input.ThreatIntelSetId, ctx));
}

export async function listThreatIntelSets(
  input: Input<"ListThreatIntelSets">,
  ctx: CallContext,
): Promise<Output<"ListThreatIntelSets">> {
  const { ids, next } = await listIds("threatintelset", input, ctx);
  return { ThreatIntelSetIds: ids, ...next };
}

export async function updateThreatIntelSet(
  input: Input<"UpdateThreatIntelSet">,
  ctx: CallContext,
): Promise<Output<"UpdateThreatIntelSet">> {
  await updateList("threatintelset", input, input.ThreatIntelSetId, ctx);
  return {};
}

export async function deleteThreatIntelSet(
  input: Input<"DeleteThreatIntelSet">,
  ctx: CallContext,
): Promise<Output<"DeleteThreatIntelSet">> {
  await deleteList("threatintelset", input.DetectorId, input.ThreatIntelSetId, ctx);
  return {};
}

export async function createTrustedEntitySet(
  input: Input<"CreateTrustedEntitySet">,
  ctx: CallContext,
): Promise<Output<"CreateTrustedEntitySet">> {
  return { TrustedEntitySetId: await createList("trustedentityset", input, ctx) };
}

export async function getTrustedEntitySet(
  input: Input<"GetTrustedEntitySet">,
  ctx: CallContext,
): Promise<Output<"GetTrustedEntitySet">> {
  return shownEntitySet(await getList("trustedentityset", input.DetectorId, input.TrustedEntitySetId, ctx));
}

export async function listTrustedEntitySets(
  input: Input<"ListTrustedEntitySets">,
  ctx: CallContext,
): Promise<Output<"ListTrustedEntitySets">> {
  const { ids, next } = await listIds("trustedentityset", input, ctx);
  return { TrustedEntitySetIds: ids, ...next };
}

export async function updateTrustedEntitySet(
  input: Input<"UpdateTrustedEntitySet">,
  ctx: CallContext,
): Promise<Output<"UpdateTrustedEntitySet">> {
  await updateList("trustedentityset", input, input.TrustedEntitySetId, ctx);
  return {};
}

export async function deleteTrustedEntitySet(
  input: Input<"DeleteTrustedEntitySet">,
  ctx: CallContext,
): Promise<Output<"DeleteTrustedEntitySet">> {
  await deleteList("trustedentityset", input.DetectorId, input.TrustedEntitySetId, ctx);
  return {};
}

export async function createThreatEntitySet(
  input: Input<"CreateThreatEntitySet">,
  ctx: CallContext,
): Promise<Output<"CreateThreatEntitySet">> {
  return { ThreatEntitySetId: await createList("threatentityset", input, ctx) };
}

export async function getThreatEntitySet(
  input: Input<"GetThreatEntitySet">,
  ctx: CallContext,
): Promise<Output<"GetThreatEntitySet">> {
  return shownEntitySet(await getList("threatentityset", input.DetectorId, input.ThreatEntitySetId, ctx));
}

export async function listThreatEntitySets(
  input: Input<"ListThreatEntitySets">,
  ctx: CallContext,
): Promise<Output<"ListThreatEntitySets">> {
  const { ids, next } = await listIds("threatentityset", input, ctx);
  return { ThreatEntitySetIds: ids, ...next };
}

export async function updateThreatEntitySet(
  input: Input<"UpdateThreatEntitySet">,
  ctx: CallContext,
): Promise<Output<"UpdateThreatEntitySet">> {
  await updateList("threatentityset", input, input.ThreatEntitySetId, ctx);
  return {};
}

export async function deleteThreatEntitySet(
  input: Input<"DeleteThreatEntitySet">,
  ctx: CallContext,
): Promise<Output<"DeleteThreatEntitySet">> {
  await deleteList("threatentityset", input.DetectorId, input.ThreatEntitySetId, ctx);
  return {};
}
