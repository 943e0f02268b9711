/** A set of IP addresses and ranges of either family, asked in logarithmic time. */
import { isIPv4, isIPv6 } from "node:net";

interface Range {
  first: bigint;
  last: bigint;
}

/** 32 bits as a number of 128: IPv4 is kept as IPv4-mapped IPv6, so that both families are one order. */
const mapped = 0xffffn << 32n;

/** The address as a number; `undefined` for anything else. */
export function addressNumber(text: string): bigint | undefined {
  if (isIPv4(text)) return mapped + BigInt(text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0));
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const [head = "", tail] = text.split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":").flatMap(groupOf));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => 0);
  return [...front, ...(tail === undefined ? [] : zeros), ...back].reduce(
    (sum, group) => (sum << 16n) + BigInt(group),
    0n,
  );
}

function groupOf(part: string): number[] {
  if (!part.includes(".")) return [Number.parseInt(part, 16)];
  const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
  return [a * 256 + b, c * 256 + d];
}

/** An address or a range in CIDR notation. */
export function parseRange(text: string): Range | undefined {
  const [address = "", length, ...more] = text.split("/");
  const number = addressNumber(address);
  if (number === undefined || more.length > 0) return undefined;
  if (length === undefined) return { first: number, last: number };
  if (!/^\d{1,3}$/.test(length)) return undefined;
  const bits = isIPv4(address) ? 32 : 128;
  if (Number(length) > bits) return undefined;
  const size = 1n << BigInt(bits - Number(length));
  const first = number - (number % size);
  return { first, last: first + size - 1n };
}

/** Ends of ranges, sorted and apart from each other: the n-th range is from `firsts[n]` to `lasts[n]`. */
interface Ranges<T> {
  firsts: ArrayLike<T>;
  lasts: ArrayLike<T>;
}

/** Whether the value lies in one of the ranges. */
function within<T extends number | bigint>({ firsts, lasts }: Ranges<T>, value: T): boolean {
  let low = 0;
  let high = firsts.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (value < firsts[middle]!) high = middle - 1;
    else if (value > lasts[middle]!) low = middle + 1;
    else return true;
  }
  return false;
}

/** The largest lists have 250,000 ranges, nearly all of IPv4: those take eight bytes each. */
export class AddressSet {
  readonly #v4: Ranges<number>;
  readonly #v6: Ranges<bigint>;

  /** Entries that are no addresses are not in the set. */
  constructor(entries: Iterable<string>) {
    const ranges: Range[] = [];
    for (const entry of entries) {
      const range = parseRange(entry);
      if (range) ranges.push(range);
    }
    ranges.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
    const merged: Range[] = [];
    for (const range of ranges) {
      const before = merged.at(-1);
      if (before && range.first <= before.last) {
        if (range.last > before.last) before.last = range.last;
      } else merged.push({ ...range });
    }
    const v4 = merged.filter(({ first, last }) => isMapped(first) && isMapped(last));
    const v6 = merged.filter(({ first, last }) => !isMapped(first) || !isMapped(last));
    this.#v4 = {
      firsts: Uint32Array.from(v4, ({ first }) => Number(first - mapped)),
      lasts: Uint32Array.from(v4, ({ last }) => Number(last - mapped)),
    };
    this.#v6 = { firsts: v6.map(({ first }) => first), lasts: v6.map(({ last }) => last) };
  }

  has(address: string): boolean {
    const number = addressNumber(address);
    if (number === undefined) return false;
    if (isMapped(number) && within(this.#v4, Number(number - mapped))) return true;
    return within(this.#v6, number);
  }
}

/** Whether the number is that of an IPv4 address. */
function isMapped(number: bigint): boolean {
  return number >> 32n === 0xffffn;
}
