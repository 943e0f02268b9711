/** Addresses and networks, IPv4 and IPv6, as sorted ranges that are searched by halves. */
import { isIPv4, isIPv6 } from "node:net";

/** A set of networks in CIDR notation, whose syntax has been checked. */
export class AddressSet {
  readonly #starts4: Uint32Array;
  readonly #ends4: Uint32Array;
  readonly #ranges6: readonly { start: bigint; end: bigint }[];

  constructor(networks: readonly string[]) {
    const parsed = networks.map(parseNetwork).filter((network) => network !== undefined);
    const four = merged(parsed.filter(({ bits }) => bits === 32));
    this.#starts4 = Uint32Array.from(four, ({ start }) => Number(start));
    this.#ends4 = Uint32Array.from(four, ({ end }) => Number(end));
    this.#ranges6 = merged(parsed.filter(({ bits }) => bits === 128));
  }

  /** False for what is no address. */
  has(address: string): boolean {
    const four = ipv4(address);
    if (four >= 0) {
      const at = lastNotAfter(this.#starts4.length, (i) => this.#starts4[i]! <= four);
      return at >= 0 && four <= this.#ends4[at]!;
    }
    if (this.#ranges6.length === 0) return false;
    const six = ipv6(address);
    if (six === undefined) return false;
    const at = lastNotAfter(this.#ranges6.length, (i) => this.#ranges6[i]!.start <= six);
    return at >= 0 && six <= this.#ranges6[at]!.end;
  }
}

interface Network {
  bits: 32 | 128;
  start: bigint;
  end: bigint;
}

/** `undefined` for what is no network. Bits beyond the prefix are ignored. */
export function parseNetwork(text: string): Network | undefined {
  const [address = "", prefixText, more] = text.split("/");
  if (more !== undefined || (prefixText !== undefined && !/^\d{1,3}$/.test(prefixText))) return undefined;
  const four = ipv4(address);
  const value = four >= 0 ? BigInt(four) : ipv6(address);
  if (value === undefined) return undefined;
  const bits = four >= 0 ? 32 : 128;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefix > bits) return undefined;
  const host = BigInt(bits - prefix);
  const start = (value >> host) << host;
  return { bits, start, end: start + (1n << host) - 1n };
}

function merged(networks: readonly Network[]): Network[] {
  const ranges: Network[] = [];
  for (const network of networks.toSorted((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))) {
    const last = ranges.at(-1);
    if (last && network.start <= last.end + 1n) {
      if (network.end > last.end) last.end = network.end;
    } else ranges.push({ ...network });
  }
  return ranges;
}

/** Greatest index for which `holds`, which it does up to some index; -1 for none. */
function lastNotAfter(length: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** -1 for what is no dotted IPv4 address. */
function ipv4(text: string): number {
  if (!isIPv4(text)) return -1;
  let value = 0;
  for (const part of text.split(".")) value = value * 256 + Number(part);
  return value;
}

function ipv6(text: string): bigint | undefined {
  if (!isIPv6(text) || text.includes("%")) return undefined;
  let words = text;
  const tail = /[0-9.]+$/.exec(text)?.[0] ?? "";
  if (tail.includes(".")) {
    const four = ipv4(tail);
    words = `${text.slice(0, text.length - tail.length)}${(four >>> 16).toString(16)}:${(four & 0xffff).toString(16)}`;
  }
  const [head = "", rest] = words.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = rest === undefined || rest === "" ? [] : rest.split(":");
  const zeros = rest === undefined ? [] : Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].reduce((value, word) => (value << 16n) | BigInt(`0x${word}`), 0n);
}

/** 32 or 128 bits, the highest first; `undefined` for what is no address. */
export function addressBits(text: string): number[] | undefined {
  const four = ipv4(text);
  if (four >= 0) return Array.from({ length: 32 }, (_, i) => (four >>> (31 - i)) & 1);
  const six = ipv6(text);
  return six === undefined ? undefined : Array.from({ length: 128 }, (_, i) => Number((six >> BigInt(127 - i)) & 1n));
}

/** IPv4 or IPv6, without prefix or port. */
export function isAddress(text: string): boolean {
  return isIPv4(text) || isIPv6(text);
}
