/**
 * RateBasedStatement: holds of a request whose key has made more than `Limit` requests within the window, this one
 * included. Requests that lack a part of the key are left out.
 * Source: AWS WAF Developer Guide, "Rate-based rule statement", "Aggregating rate-based rules".
 */
import type { RateBasedStatementCustomKey } from "@aws-sdk/client-wafv2";
import type { Build } from "../build.ts";
import type { RateMatch } from "../contract.ts";
import type { Check, Evaluation } from "../evaluation.ts";
import { forwardedAddresses } from "../forwarded.ts";
import type { RateBased } from "../model.ts";
import { textOf } from "../transforms/bytes.ts";

export const defaultWindowSeconds = 300;

/** One part of the key: `undefined` when the request lacks it. */
interface KeyPart {
  value: string;
  /** For the log; absent for IP and the like, which tell themselves. */
  name?: string;
}

type Reader = (evaluation: Evaluation) => KeyPart | undefined;

export function rateBased(
  statement: RateBased,
  scopeDown: Check | undefined,
  build: Build,
  rule: { counter: string; name: string },
): Check {
  const limit = statement.Limit!;
  const window = statement.EvaluationWindowSec ?? defaultWindowSeconds;
  const kind = statement.AggregateKeyType!;
  const readers = readersOf(statement, build);
  const keyNames = (statement.CustomKeys ?? []).map(customKeyName);
  return (evaluation) => {
    if (scopeDown && !scopeDown(evaluation)) return false;
    const parts: KeyPart[] = [];
    for (const reader of readers) {
      const part = reader(evaluation);
      if (!part) return false;
      parts.push(part);
    }
    const key = parts.map(({ value }) => value).join("\x1f");
    const count = evaluation.facilities.counters.hit(rule.counter, key, window, evaluation.now);
    if (count <= limit) return false;
    const match: RateMatch = {
      counter: rule.counter,
      rule: rule.name,
      limitKey: limitKeys[kind],
      maxRateAllowed: limit,
      evaluationWindowSec: window,
      ...(kind === "CUSTOM_KEYS"
        ? {
            customValues: parts.map(({ value, name }, i) => ({
              key: keyNames[i]!,
              ...(name === undefined ? {} : { name }),
              value: textOf(value),
            })),
          }
        : kind === "CONSTANT"
          ? {}
          : { limitValue: parts[0]!.value }),
    };
    evaluation.rates.push(match);
    return true;
  };
}

const limitKeys = { IP: "IP", FORWARDED_IP: "FORWARDEDIP", CONSTANT: "CONSTANT", CUSTOM_KEYS: "CUSTOMKEYS" } as const;

function readersOf(statement: RateBased, build: Build): Reader[] {
  const header = statement.ForwardedIPConfig?.HeaderName;
  const forwarded: Reader = ({ view }) => {
    const found = forwardedAddresses(view, header!, "FIRST");
    if (typeof found !== "string") return { value: found[0]! };
    // A header without an address: the fallback says whether such requests are counted, together.
    return found === "invalid" && statement.ForwardedIPConfig?.FallbackBehavior === "MATCH"
      ? { value: "-" }
      : undefined;
  };
  switch (statement.AggregateKeyType!) {
    case "IP":
      return [clientAddress];
    case "FORWARDED_IP":
      return [forwarded];
    case "CONSTANT":
      return [];
    case "CUSTOM_KEYS":
      return (statement.CustomKeys ?? []).map((key) => customReader(key, forwarded, build));
  }
}

const clientAddress: Reader = ({ view }) => ({ value: view.request.clientAddress });

function customReader(key: RateBasedStatementCustomKey, forwarded: Reader, build: Build): Reader {
  const slotReader = (
    field: Parameters<Build["plan"]["slot"]>[0],
    chain: Parameters<Build["plan"]["slot"]>[1],
    name?: string,
  ): Reader => {
    const slot = build.plan.slot(field, chain);
    return (evaluation) => {
      const { values } = evaluation.values(slot);
      if (values.length === 0) return undefined;
      return { value: values.join(","), ...(name === undefined ? {} : { name }) };
    };
  };
  if (key.Header)
    return slotReader({ SingleHeader: { Name: key.Header.Name } }, key.Header.TextTransformations, key.Header.Name);
  if (key.Cookie) {
    const name = key.Cookie.Name!;
    return slotReader(
      {
        Cookies: {
          MatchPattern: { IncludedCookies: [name] },
          MatchScope: "VALUE",
          OversizeHandling: "CONTINUE",
        },
      },
      key.Cookie.TextTransformations,
      name,
    );
  }
  if (key.QueryArgument) {
    const { Name, TextTransformations } = key.QueryArgument;
    return slotReader({ SingleQueryArgument: { Name } }, TextTransformations, Name);
  }
  if (key.QueryString) return slotReader({ QueryString: {} }, key.QueryString.TextTransformations);
  if (key.UriPath) return slotReader({ UriPath: {} }, key.UriPath.TextTransformations);
  if (key.HTTPMethod) return slotReader({ Method: {} }, undefined);
  if (key.JA3Fingerprint) return fingerprint("ja3", key.JA3Fingerprint.FallbackBehavior === "MATCH");
  if (key.JA4Fingerprint) return fingerprint("ja4", key.JA4Fingerprint.FallbackBehavior === "MATCH");
  if (key.LabelNamespace) {
    const namespace = key.LabelNamespace.Namespace!;
    return ({ labels }) => {
      const found = labels.filter((label) => label.includes(namespace));
      return found.length === 0 ? undefined : { value: found.join(","), name: namespace };
    };
  }
  if (key.ASN) {
    return ({ facilities, view }) => {
      const asn = facilities.location?.asn(view.request.clientAddress);
      return asn === undefined ? undefined : { value: String(asn) };
    };
  }
  return key.ForwardedIP ? forwarded : clientAddress;
}

function fingerprint(which: "ja3" | "ja4", fallback: boolean): Reader {
  return ({ view }) => {
    const value = view.request.tls?.[which];
    if (value !== undefined) return { value };
    return fallback ? { value: "-" } : undefined;
  };
}

const keyNames: Readonly<Record<keyof RateBasedStatementCustomKey, string>> = {
  Header: "HEADER",
  Cookie: "COOKIE",
  QueryArgument: "QUERY_ARGUMENT",
  QueryString: "QUERY_STRING",
  HTTPMethod: "HTTP_METHOD",
  ForwardedIP: "FORWARDED_IP",
  IP: "IP",
  LabelNamespace: "LABEL_NAMESPACE",
  UriPath: "URI_PATH",
  JA3Fingerprint: "JA3_FINGERPRINT",
  JA4Fingerprint: "JA4_FINGERPRINT",
  ASN: "ASN",
};

function customKeyName(key: RateBasedStatementCustomKey): string {
  const [kind] = Object.entries(key).find(([, value]) => value !== undefined)!;
  return keyNames[kind as keyof RateBasedStatementCustomKey];
}
