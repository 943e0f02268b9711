/**
 * Filter policies: which messages a subscription wants. The language is EventBridge's, with SNS's bounds.
 * Source: SNS Developer Guide, "Amazon SNS subscription filter policies", "Filter policy constraints in Amazon SNS".
 */
import { matches } from "#engines/eventPattern/evaluate.ts";
import { parsePattern, PatternError, type Pattern } from "#engines/eventPattern/pattern.ts";
import { filterLimit, invalid } from "./errors.ts";
import type { KeptAttribute, Published, Subscription } from "./state.ts";

const mostCombinations = 150;
const mostFields = 5;
const largestPolicy = 256 * 1024;
const capacity = 10_000;

/** @throws InvalidParameter, FilterPolicyLimitExceeded */
export function checkFilterPolicy(text: string, scope: Subscription["filterPolicyScope"]): void {
  if (Buffer.byteLength(text) > largestPolicy) throw filterLimit("Filter policy is larger than 256 KB");
  const pattern = read(text);
  if (!pattern) return;
  if (pattern.fields > mostFields) throw invalid("FilterPolicy: Filter policy can not have more than 5 keys");
  if (scope === "MessageAttributes" && pattern.deepest > 1) {
    throw invalid("Filter policy scope MessageAttributes does not support nested filter policy");
  }
  if (pattern.combinations > mostCombinations) throw invalid("FilterPolicy: Filter policy is too complex");
}

/** `{}` is no filter. */
function read(text: string): Pattern | undefined {
  if (/^\s*\{\s*\}\s*$/.test(text)) return undefined;
  try {
    return parsePattern(text);
  } catch (error) {
    if (error instanceof PatternError) throw invalid(`FilterPolicy: ${error.message}`);
    throw error;
  }
}

/** Policies as read, by their text; bounded. */
export class Filters {
  readonly #patterns = new Map<string, Pattern | undefined>();

  wants(subscription: Subscription, published: Published): boolean {
    const { filterPolicy, filterPolicyScope } = subscription;
    if (filterPolicy === undefined) return true;
    const pattern = this.#pattern(filterPolicy);
    if (!pattern) return true;
    if (filterPolicyScope === "MessageAttributes") return matches(pattern, attributesEvent(published.attributes));
    const body = parseBody(published.message);
    return body !== undefined && matches(pattern, body);
  }

  #pattern(text: string): Pattern | undefined {
    if (!this.#patterns.has(text)) {
      if (this.#patterns.size >= capacity) this.#patterns.clear();
      this.#patterns.set(text, read(text));
    }
    return this.#patterns.get(text);
  }
}

/** Attributes as a pattern sees them: texts, numbers, and the members of arrays; bytes are not compared. */
function attributesEvent(attributes: Readonly<Record<string, KeptAttribute>>): Record<string, unknown> {
  const event: Record<string, unknown> = {};
  for (const [name, { type, value }] of Object.entries(attributes)) {
    if (type === "String.Array") event[name] = JSON.parse(value) as unknown;
    else if (type.startsWith("Number")) event[name] = Number(value);
    else if (type.startsWith("String")) event[name] = value;
  }
  return event;
}

/** Only a JSON object can be filtered by its body. */
function parseBody(message: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(message);
    return parsed !== null && typeof parsed === "object" && !Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
