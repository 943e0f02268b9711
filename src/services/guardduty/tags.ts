/** Rules of tags. Source: AWS General Reference, "Tagging AWS resources"; GuardDuty API Reference, TagResource. */
import { badRequest } from "./errors.ts";

type Tags = Readonly<Record<string, string>>;

const most = 50;

/** @throws BadRequestException */
export function requireTags(tags: Tags | undefined): void {
  const keys = Object.keys(tags ?? {});
  if (keys.some((key) => /^aws:/i.test(key)))
    throw badRequest("The request is rejected because tag keys must not start with aws:.");
  if (keys.length > most) {
    throw badRequest(`The request is rejected because a resource can have at most ${most} tags.`);
  }
}

export function withTags(before: Tags, added: Tags): Record<string, string> {
  requireTags(added);
  const merged = { ...before, ...added };
  requireTags(merged);
  return merged;
}

export function withoutTags(before: Tags, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(before).filter(([key]) => !keys.includes(key)));
}
