/**
 * The files of trusted and threat lists: six formats, from each of which the addresses, ranges and domains are taken.
 * Source: GuardDuty User Guide, "Customizing threat detection with entity lists and IP address lists", section "List
 * formats", with an example of each.
 */
import { parseRange } from "./addressSet.ts";

export type ListFormat = "TXT" | "STIX" | "OTX_CSV" | "ALIEN_VAULT" | "PROOF_POINT" | "FIRE_EYE";

export interface ListEntries {
  /** Addresses and CIDR ranges as they were written. */
  addresses: string[];
  /** Lower case; a leading `*.` stays. */
  domains: string[];
}

/** "The maximum size of the file that hosts your trusted IP list or threat list is 35MB." */
export const maximumListBytes = 35 * 1024 * 1024;

/** A list that is not in the format it is said to be in: it has no entry at all. */
export class UnreadableList extends Error {
  constructor(format: ListFormat) {
    super(`the list has no entry in the format ${format}`);
    this.name = "UnreadableList";
  }
}

const readers: Readonly<Record<ListFormat, (text: string) => Iterable<string>>> = {
  // "IP addresses and CIDR ranges must appear one per line."
  TXT: (text) => lines(text),
  STIX: stix,
  // Indicator type, Indicator, Description
  OTX_CSV: (text) => column(text, ["indicator"]),
  // address#reliability#risk#activity#country#city#coordinates#…
  *ALIEN_VAULT(text) {
    for (const line of lines(text)) yield line.split("#")[0]!;
  },
  // ip or domain, category, score, first_seen, last_seen, ports
  PROOF_POINT: (text) => column(text, ["ip", "domain"]),
  // iSIGHT reports: one row per indicator, most columns empty
  FIRE_EYE: (text) => column(text, ["sourceip", "ip", "cidr", "domain", "sourcedomain", "networkidentifier"]),
};

/** @throws UnreadableList */
export function parseList(format: ListFormat, text: string): ListEntries {
  const addresses = new Set<string>();
  const domains = new Set<string>();
  for (const raw of readers[format](text.startsWith("\uFEFF") ? text.slice(1) : text)) {
    const entry = raw.trim();
    if (entry === "") continue;
    if (parseRange(entry)) addresses.add(entry);
    else if (isDomain(entry)) domains.add(entry.toLowerCase());
  }
  if (addresses.size + domains.size === 0) throw new UnreadableList(format);
  return { addresses: [...addresses], domains: [...domains] };
}

function isDomain(text: string): boolean {
  return (
    text.length <= 253 && /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/i.test(text)
  );
}

function* lines(text: string): Iterable<string> {
  for (const line of text.split(/\r?\n/)) if (line.trim() !== "" && !line.startsWith("#")) yield line;
}

/** The values of named columns of comma-separated text with a header line. */
function* column(text: string, names: readonly string[]): Iterable<string> {
  const rows = lines(text)[Symbol.iterator]();
  const first = rows.next();
  if (first.done) return;
  const header = cells(first.value).map((name) => name.trim().toLowerCase());
  const wanted = header.flatMap((name, index) => (names.includes(name) ? [index] : []));
  for (let row = rows.next(); !row.done; row = rows.next()) {
    const values = cells(row.value);
    for (const index of wanted) if (values[index] !== undefined) yield values[index];
  }
}

/** Cells of one line; a cell in quotation marks may hold commas, and two marks for one. */
function cells(line: string): string[] {
  const found: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const character = line[i]!;
    if (character === '"') {
      if (quoted && line[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = !quoted;
    } else if (character === "," && !quoted) {
      found.push(cell);
      cell = "";
    } else cell += character;
  }
  found.push(cell);
  return found;
}

/**
 * Observables of STIX 1 packages: the values of address and domain objects. Several values of one object are parted by
 * `##comma##`. Elements are found by their names; nothing of the XML is resolved.
 */
function* stix(text: string): Iterable<string> {
  const value = /<(?:\w+:)?(?:Address_Value|DomainName|Value)\b[^>]{0,500}>([^<]{1,10000})</g;
  for (const [, content = ""] of text.matchAll(value)) yield* content.split("##comma##");
}
