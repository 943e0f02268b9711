/**
 * The parts of a request that statements look at. A part that is not there has no values, and no statement holds of it.
 * Source: AWS WAF Developer Guide, "Request components".
 */
import { lowerAscii, bytesOf } from "./transforms/bytes.ts";
import { preParseTransforms, type Transform } from "./transforms/transforms.ts";
import type { FieldToMatch } from "./model.ts";
import { argumentsOf, type Pair, type RequestView } from "./view.ts";
import type { PreParseTextTransformation } from "@aws-sdk/client-wafv2";

export interface Extract {
  values: readonly string[];
  /** Names of the headers, cookies or arguments the values are of; same length as `values` where there. */
  names?: readonly string[];
  /** Oversize handling or a fallback has decided: the statement holds, or does not. */
  forced?: boolean;
  /** What was larger than is inspected. */
  oversize?: "REQUEST_BODY" | "REQUEST_HEADERS" | "REQUEST_COOKIES";
}

export interface Component {
  /** Equal for equal parts. */
  id: string;
  /** What logs call it. */
  location: string;
  readsBody: boolean;
  extract(view: RequestView): Extract;
}

const nothing: Extract = { values: [] };
const one = (value: string): Extract => ({ values: [value] });

export function componentOf(
  field: FieldToMatch,
  preParse: readonly PreParseTextTransformation[] | undefined,
): Component {
  const [kind] = Object.entries(field).find(([, value]) => value !== undefined)!;
  const before = chainOf(preParse);
  const id = JSON.stringify([kind, field[kind as keyof FieldToMatch], before.names]);
  const make = kinds[kind as keyof FieldToMatch];
  return { id, ...make(field, before.apply) };
}

function chainOf(preParse: readonly PreParseTextTransformation[] | undefined): { names: string[]; apply: Transform } {
  const sorted = (preParse ?? []).toSorted((a, b) => a.Priority! - b.Priority!);
  return {
    names: sorted.map(({ Type }) => Type!),
    apply: (text) => sorted.reduce((value, { Type }) => preParseTransforms[Type!](value), text),
  };
}

type Made = Omit<Component, "id">;

const plain = (location: string, extract: Component["extract"]): Made => ({ location, readsBody: false, extract });

const kinds: Readonly<Record<keyof FieldToMatch, (field: FieldToMatch, preParse: Transform) => Made>> = {
  Method: () => plain("METHOD", ({ request }) => one(request.method)),
  UriPath: () => plain("URI", ({ path }) => one(path)),
  UriFragment: (field) =>
    plain("URI_FRAGMENT", ({ fragment }) =>
      fragment === undefined ? fallback(field.UriFragment!.FallbackBehavior) : one(fragment),
    ),
  QueryString: () => plain("QUERY_STRING", ({ query }) => one(query)),
  SingleQueryArgument: (field, preParse) => {
    const wanted = lowerAscii(bytesOf(field.SingleQueryArgument!.Name!));
    return plain("SINGLE_QUERY_ARG", ({ query }) =>
      named(argumentsOf(preParse(query)).filter(({ name }) => lowerAscii(name) === wanted)),
    );
  },
  AllQueryArguments: (_field, preParse) => plain("ALL_QUERY_ARGS", ({ query }) => named(argumentsOf(preParse(query)))),
  SingleHeader: (field) => {
    const name = lowerAscii(bytesOf(field.SingleHeader!.Name!));
    return plain("HEADER", (view) => {
      const values = view.header(name);
      return values.length === 0 ? nothing : { values, names: values.map(() => name) };
    });
  },
  Headers: (field) => {
    const { MatchPattern, MatchScope, OversizeHandling } = field.Headers!;
    const chosen = nameFilter(MatchPattern!.IncludedHeaders, MatchPattern!.ExcludedHeaders, lowerAscii);
    return plain("HEADER", ({ headers }) =>
      handled(OversizeHandling, headers.oversize ? "REQUEST_HEADERS" : undefined, () =>
        scoped(headers.pairs.filter(chosen), MatchScope!),
      ),
    );
  },
  Cookies: (field) => {
    const { MatchPattern, MatchScope, OversizeHandling } = field.Cookies!;
    const chosen = nameFilter(MatchPattern!.IncludedCookies, MatchPattern!.ExcludedCookies, (name) => name);
    return plain("COOKIE", ({ cookies }) =>
      handled(OversizeHandling, cookies.oversize ? "REQUEST_COOKIES" : undefined, () =>
        scoped(cookies.pairs.filter(chosen), MatchScope!),
      ),
    );
  },
  HeaderOrder: (field) =>
    plain("HEADER_ORDER", ({ headers }) =>
      handled(field.HeaderOrder!.OversizeHandling, headers.oversize ? "REQUEST_HEADERS" : undefined, () =>
        one(headers.pairs.map(({ name }) => lowerAscii(name)).join(":")),
      ),
    ),
  Body: (field) => ({
    location: "BODY",
    readsBody: true,
    extract: (view) =>
      handled(field.Body!.OversizeHandling, view.bodyTruncated ? "REQUEST_BODY" : undefined, () => one(view.body)),
  }),
  JsonBody: (field) => ({
    location: "JSON_BODY",
    readsBody: true,
    extract: (view) =>
      handled(field.JsonBody!.OversizeHandling, view.bodyTruncated ? "REQUEST_BODY" : undefined, () =>
        jsonBody(field.JsonBody!, view),
      ),
  }),
  JA3Fingerprint: (field) =>
    plain("JA3_FINGERPRINT", ({ request }) => fingerprint(request.tls?.ja3, field.JA3Fingerprint!.FallbackBehavior)),
  JA4Fingerprint: (field) =>
    plain("JA4_FINGERPRINT", ({ request }) => fingerprint(request.tls?.ja4, field.JA4Fingerprint!.FallbackBehavior)),
};

const fingerprint = (found: string | undefined, behaviour: string | undefined): Extract =>
  found === undefined ? fallback(behaviour) : one(found);

function fallback(behaviour: string | undefined): Extract {
  return behaviour === undefined ? nothing : { values: [], forced: behaviour === "MATCH" };
}

/** CONTINUE, also where nothing is said: what there is gets inspected. */
function handled(handling: string | undefined, oversize: Extract["oversize"], inspect: () => Extract): Extract {
  if (oversize === undefined) return inspect();
  if (handling === "MATCH" || handling === "NO_MATCH") return { values: [], forced: handling === "MATCH", oversize };
  return { ...inspect(), oversize };
}

function named(pairs: readonly Pair[]): Extract {
  return { values: pairs.map(({ value }) => value), names: pairs.map(({ name }) => name) };
}

function nameFilter(
  included: readonly string[] | undefined,
  excluded: readonly string[] | undefined,
  fold: (name: string) => string,
): (pair: Pair) => boolean {
  const names = new Set((included ?? excluded ?? []).map((name) => fold(bytesOf(name))));
  if (included) return ({ name }) => names.has(fold(name));
  return excluded ? ({ name }) => !names.has(fold(name)) : () => true;
}

function scoped(pairs: readonly Pair[], scope: string): Extract {
  const keys = scope === "VALUE" ? [] : pairs.map(({ name }) => name);
  const values = scope === "KEY" ? [] : pairs.map(({ value }) => value);
  const names = pairs.map(({ name }) => name);
  return { values: [...keys, ...values], names: scope === "ALL" ? [...names, ...names] : names };
}

function jsonBody(json: NonNullable<FieldToMatch["JsonBody"]>, view: RequestView): Extract {
  if (view.body === "") return nothing;
  const { parts, complete, cut } = view.json;
  // A body that was cut off at the limit is not invalid for that.
  if (!complete && !(cut && view.bodyTruncated)) {
    if (json.InvalidFallbackBehavior === "EVALUATE_AS_STRING") return one(view.body);
    if (json.InvalidFallbackBehavior !== undefined) return fallback(json.InvalidFallbackBehavior);
  }
  const paths = json.MatchPattern!.IncludedPaths?.map(bytesOf);
  const scope = json.MatchScope;
  const chosen = parts.filter(
    ({ kind, pointer }) =>
      (scope === "ALL" || (scope === "KEY") === (kind === "key")) &&
      (paths === undefined || paths.some((path) => pointer === path || pointer.startsWith(`${path}/`))),
  );
  return { values: chosen.map(({ text }) => text), names: chosen.map(({ pointer }) => pointer) };
}
