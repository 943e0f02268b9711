/**
 * Scalar functions. Source: CloudWatch Logs User Guide, "Supported operations and functions": arithmetic, datetime,
 * general, JSON, IP address and string functions.
 */
import { BlockList, isIP } from "node:net";
import { compare, isTrue, Time, toNumber, toText, type Value } from "./values.ts";

export interface ScalarFunction {
  least: number;
  most: number;
  call(args: readonly Value[]): Value;
}

const one = (call: (value: Value) => Value): ScalarFunction => ({ least: 1, most: 1, call: ([value]) => call(value) });
const numeric = (call: (value: number) => number): ScalarFunction =>
  one((value) => {
    const number = toNumber(value);
    const result = number === undefined ? undefined : call(number);
    return result === undefined || Number.isNaN(result) ? undefined : result;
  });
const text = (call: (value: string) => Value): ScalarFunction =>
  one((value) => (value === undefined ? undefined : call(toText(value))));
const trimmed = (start: boolean, end: boolean): ScalarFunction => ({
  least: 1,
  most: 2,
  call: ([value, cut]) => {
    if (value === undefined) return undefined;
    const set = cut === undefined ? undefined : new Set(toText(cut));
    const gone = (char: string) => (set ? set.has(char) : /\s/.test(char));
    const chars = toText(value);
    let from = 0;
    let to = chars.length;
    while (start && from < to && gone(chars[from]!)) from++;
    while (end && to > from && gone(chars[to - 1]!)) to--;
    return chars.slice(from, to);
  },
});

function inSubnet(address: Value, subnet: Value, family: "ipv4" | "ipv6" | undefined): boolean {
  const ip = toText(address);
  const [net, bits] = toText(subnet).split("/");
  const kind = isIP(ip);
  const netKind = isIP(net ?? "");
  if (kind === 0 || kind !== netKind || (family !== undefined && family !== `ipv${kind}`)) return false;
  const prefix = Number(bits);
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > (kind === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(net!, prefix, kind === 4 ? "ipv4" : "ipv6");
  return list.check(ip, kind === 4 ? "ipv4" : "ipv6");
}

const subnet = (family: "ipv4" | "ipv6" | undefined): ScalarFunction => ({
  least: 2,
  most: 2,
  call: ([address, net]) => inSubnet(address, net, family),
});

const extreme = (sign: number): ScalarFunction => ({
  least: 1,
  most: 100,
  call: (args) =>
    args
      .filter((arg) => arg !== undefined)
      .reduce<Value>((best, arg) => (best === undefined || compare(arg, best) * sign > 0 ? arg : best), undefined),
});

/** By name in lower case. */
export const scalarFunctions: ReadonlyMap<string, ScalarFunction> = new Map([
  ["abs", numeric(Math.abs)],
  ["ceil", numeric(Math.ceil)],
  ["floor", numeric(Math.floor)],
  ["log", numeric(Math.log)],
  ["sqrt", numeric(Math.sqrt)],
  ["greatest", extreme(1)],
  ["least", extreme(-1)],
  ["frommillis", one((value) => (toNumber(value) === undefined ? undefined : new Time(toNumber(value)!)))],
  ["tomillis", one((value) => (value instanceof Time ? value.at : undefined))],
  ["ispresent", one((value) => value !== undefined)],
  ["isempty", one((value) => value === undefined || toText(value) === "")],
  ["isblank", one((value) => value === undefined || toText(value).trim() === "")],
  ["coalesce", { least: 1, most: 100, call: (args) => args.find((arg) => arg !== undefined) }],
  ["if", { least: 3, most: 3, call: ([test, yes, no]) => (isTrue(test) ? yes : no) }],
  ["strlen", text((value) => [...value].length)],
  ["toupper", text((value) => value.toUpperCase())],
  ["tolower", text((value) => value.toLowerCase())],
  ["trim", trimmed(true, true)],
  ["ltrim", trimmed(true, false)],
  ["rtrim", trimmed(false, true)],
  ["concat", { least: 1, most: 100, call: (args) => args.map(toText).join("") }],
  [
    "substr",
    {
      least: 2,
      most: 3,
      call: ([value, from, length]) => {
        const start = toNumber(from);
        if (value === undefined || start === undefined) return undefined;
        const count = toNumber(length);
        return toText(value).slice(Math.max(0, start), count === undefined ? undefined : Math.max(0, start) + count);
      },
    },
  ],
  [
    "replace",
    {
      least: 3,
      most: 3,
      call: ([value, search, by]) =>
        value === undefined
          ? undefined
          : toText(search) === ""
            ? toText(value)
            : toText(value).replaceAll(toText(search), () => toText(by)),
    },
  ],
  [
    "strcontains",
    {
      least: 2,
      most: 2,
      call: ([value, part]) => (value !== undefined && toText(value).includes(toText(part)) ? 1 : 0),
    },
  ],
  ["isvalidip", text((value) => isIP(value) !== 0)],
  ["isvalidipv4", text((value) => isIP(value) === 4)],
  ["isvalidipv6", text((value) => isIP(value) === 6)],
  ["isipinsubnet", subnet(undefined)],
  ["isipv4insubnet", subnet("ipv4")],
  ["isipv6insubnet", subnet("ipv6")],
]);

const units: readonly (readonly [RegExp, number])[] = [
  [/^(ms|msec|milliseconds?)$/, 1],
  [/^(s|secs?|seconds?)$/, 1_000],
  [/^(m|mins?|minutes?)$/, 60_000],
  [/^(h|hrs?|hours?)$/, 3_600_000],
  [/^(d|days?)$/, 86_400_000],
  [/^(w|weeks?)$/, 7 * 86_400_000],
];

/** Milliseconds of `5m`; `undefined` for the units whose length varies. */
export function durationMs(duration: string): number | undefined {
  const [, count, unit] = /^(\d+)([a-z]+)$/.exec(duration)!;
  const size = units.find(([pattern]) => pattern.test(unit!))?.[1];
  return size === undefined || Number(count) === 0 ? undefined : Number(count) * size;
}
