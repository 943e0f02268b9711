/** What a metric is: namespace, name and dimensions, whatever their order. */
import { createHash } from "node:crypto";
import { isStorable } from "#store/limits.ts";
import { invalidValue } from "./errors.ts";
import type { Dimension, Metric } from "./state.ts";

export const mostDimensions = 30;

export function metricHash(namespace: string, name: string, dimensions: readonly Dimension[]): string {
  const sorted = dimensions.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((each) => [each.name, each.value]);
  return createHash("sha256")
    .update(JSON.stringify([namespace, name, sorted]))
    .digest("hex")
    .slice(0, 32);
}

export function metricId({ namespace, name, hash }: Pick<Metric, "namespace" | "name" | "hash">): string {
  return `${namespace}\n${name}\n${hash}`;
}

/** @throws InvalidParameterValue too many, or one twice */
export function dimensionsOf(
  given: readonly { Name?: string | undefined; Value?: string | undefined }[] | undefined,
  at: string,
): Dimension[] {
  const list = given ?? [];
  if (list.length > mostDimensions) {
    throw invalidValue(`The collection ${at} must not have a size greater than ${mostDimensions}.`);
  }
  for (const { Name: name = "", Value: value = "" } of list) {
    checkText(name, `${at}.Name`);
    checkText(value, `${at}.Value`);
  }
  const dimensions = list.map(({ Name: name, Value: value }) => ({ name: name ?? "", value: value ?? "" }));
  if (new Set(dimensions.map(({ name }) => name)).size !== dimensions.length) {
    throw invalidValue(`No dimension names may be duplicated in ${at}.`);
  }
  return dimensions.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Text that no document could be named by. @throws InvalidParameterValue */
export function checkText(text: string, parameter: string): void {
  if (!isStorable(text)) throw invalidValue(`The value of parameter ${parameter} is invalid.`);
}

export const shownDimensions = (dimensions: readonly Dimension[]) =>
  dimensions.map(({ name, value }) => ({ Name: name, Value: value }));
