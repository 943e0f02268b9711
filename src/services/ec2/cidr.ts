/**
 * CIDR blocks of IPv4 and IPv6, as whole numbers. Source: RFC 4632, RFC 4291; EC2 API Reference, CreateVpc
 * ("we modify the specified CIDR block to its canonical form").
 */
import { isIPv4, isIPv6 } from "node:net";

export interface Cidr {
  family: 4 | 6;
  /** First address; its host bits are zero. */
  first: bigint;
  prefix: number;
}

const bitsOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);

/** `undefined` when the text is no address. */
export function addressValue(text: string): { family: 4 | 6; value: bigint } | undefined {
  if (isIPv4(text)) return { family: 4, value: groupsValue(text.split("."), 10, 8n) };
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const [head = "", tail] = text.split("::");
  const front = hexGroups(head);
  const back = tail === undefined ? [] : hexGroups(tail);
  const gap = tail === undefined ? 0 : 8 - front.length - back.length;
  const groups = [...front, ...Array.from({ length: gap }, () => "0"), ...back];
  return { family: 6, value: groupsValue(groups, 16, 16n) };
}

function groupsValue(groups: readonly string[], radix: 10 | 16, bits: bigint): bigint {
  return groups.reduce((value, group) => (value << bits) | BigInt(Number.parseInt(group, radix)), 0n);
}

/** Groups of one side of `::`, an IPv4 tail as two of them. */
function hexGroups(text: string): string[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [group];
    const value = groupsValue(group.split("."), 10, 8n);
    return [(value >> 16n).toString(16), (value & 0xffffn).toString(16)];
  });
}

/** Host bits are cleared, as EC2 does. `undefined` when the text is no CIDR block. */
export function parseCidr(text: string): Cidr | undefined {
  const parts = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const address = parts ? addressValue(parts[1]!) : undefined;
  if (!parts || !address) return undefined;
  const prefix = Number(parts[2]);
  if (prefix > bitsOf(address.family)) return undefined;
  const host = BigInt(bitsOf(address.family) - prefix);
  return { family: address.family, first: (address.value >> host) << host, prefix };
}

export function size({ family, prefix }: Cidr): bigint {
  return 1n << BigInt(bitsOf(family) - prefix);
}

export function contains(outer: Cidr, inner: Cidr): boolean {
  return outer.family === inner.family && inner.prefix >= outer.prefix && overlaps(outer, inner);
}

export function overlaps(one: Cidr, other: Cidr): boolean {
  if (one.family !== other.family) return false;
  return one.first < other.first + size(other) && other.first < one.first + size(one);
}

export function addressText(family: 4 | 6, value: bigint): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  return shortened(groups);
}

export function cidrText({ family, first, prefix }: Cidr): string {
  return `${addressText(family, first)}/${prefix}`;
}

/** The longest run of zero groups becomes `::`. Source: RFC 5952, section 4.2. */
function shortened(groups: readonly string[]): string {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > best.length) best = { start, length };
  }
  if (best.start < 0) return groups.join(":");
  return `${groups.slice(0, best.start).join(":")}::${groups.slice(best.start + best.length).join(":")}`;
}
