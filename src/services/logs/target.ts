/** The log group that a request names: by name, or by identifier (name or ARN). */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import type { Document } from "#store/contract.ts";
import { isStorable } from "#store/limits.ts";
import { invalidParameter, noGroup, noStream } from "./errors.ts";
import { type Group, type Stream, streamId, types } from "./state.ts";

export interface GroupInput {
  logGroupName?: string | undefined;
  logGroupIdentifier?: string | undefined;
}

/** @throws InvalidParameterException neither or both are given */
export function namedGroup(input: GroupInput): string {
  const { logGroupName: name, logGroupIdentifier: identifier } = input;
  if (name !== undefined && identifier !== undefined) {
    throw invalidParameter("LogGroup name and LogGroup ARN are mutually exclusive parameters.");
  }
  const given = name ?? identifier;
  if (given === undefined) throw invalidParameter("Either LogGroup name or LogGroup ARN is required.");
  return groupName(given);
}

/** Name of a group given by name or ARN, with or without `:*`. */
export function groupName(identifier: string): string {
  if (!identifier.startsWith("arn:")) return identifier;
  const match = /^log-group:([^:]+)(?::\*)?$/.exec(parseArn(identifier)?.resource ?? "");
  if (!match) throw invalidParameter("The specified ARN is not that of a log group.");
  return match[1]!;
}

/** A name that no document can have. @throws InvalidParameterException */
export function checkName(name: string, what: string): void {
  if (!isStorable(name)) throw invalidParameter(`The value of ${what} holds characters that are not allowed.`);
}

/** @throws ResourceNotFoundException */
export async function requireGroup(ctx: CallContext, name: string): Promise<Document<Group>> {
  const group = await ctx.state.get<Group>(types.group, name);
  if (!group) throw noGroup();
  return group;
}

/** @throws ResourceNotFoundException */
export async function requireStream(ctx: CallContext, group: Group, name: string): Promise<Stream> {
  const stream = await ctx.state.get<Stream>(types.stream, streamId(group.gid, name));
  if (!stream) throw noStream();
  return stream.value;
}
