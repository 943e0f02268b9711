/** What is put into a member: something ordinary, something of another type, something out of bounds, something hostile. */
import type { Member, Shape } from "#model/types.ts";

/** Ordinary values by member name, so that a request passes validation and reaches what it is about. */
export type Known = Readonly<Record<string, unknown>>;

export function ordinary(member: Member, known: Known, depth = 0): unknown {
  const name = member.name;
  if (name in known) return known[name];
  return ordinaryOf(member.shape, known, depth);
}

function ordinaryOf(shape: Shape, known: Known, depth: number): unknown {
  switch (shape.kind) {
    case "structure":
      return Object.fromEntries(
        (shape.members ?? [])
          .filter((member) => member.required && depth < 6)
          .map((member) => [member.name, ordinary(member, known, depth + 1)]),
      );
    case "union": {
      const first = shape.members?.[0];
      return first === undefined ? {} : { [first.name]: ordinary(first, known, depth + 1) };
    }
    case "list":
      return Array.from({ length: Math.max(1, shape.min ?? 1) }, () => ordinary(shape.element!, known, depth + 1));
    case "map":
      return { key: ordinary(shape.element!, known, depth + 1) };
    case "string":
      return ordinaryText(shape);
    case "boolean":
      return true;
    case "timestamp":
      return new Date(1_760_000_000_000);
    case "blob":
      return Buffer.from("ordinary bytes");
    case "document":
      return {};
    default:
      return Math.max(shape.min ?? 1, Math.min(shape.max ?? 1, 1));
  }
}

function ordinaryText(shape: Shape): string {
  if (shape.enum !== undefined) return shape.enum[0]!;
  const text = "ordinary";
  return text.padEnd(shape.min ?? 0, "y").slice(0, shape.max ?? Infinity);
}

const isText = (shape: Shape): boolean => shape.kind === "string";

/** Values that the type of the member cannot be read from. `json`: it is written as JSON, which can tell more types. */
export function wrongTypes(shape: Shape, json: boolean): unknown[] {
  switch (shape.kind) {
    case "structure":
    case "union":
    case "map":
      return json ? ["text", 5, true, ["a"]] : [];
    case "list":
      return json ? ["text", 5, { a: 1 }] : [];
    case "string":
      return json ? [{ a: "b" }, ["a"], 5, true] : [];
    case "boolean":
      return json ? ["maybe", {}, [], 5] : ["maybe"];
    case "timestamp":
      return json ? [{}, [], "yesterday"] : ["yesterday"];
    case "blob":
      return json ? [{}, [], 5, "!!! no base64 !!!"] : [];
    case "document":
      return [];
    default:
      return json ? ["many", {}, [], true, "1e999"] : ["many", "1e999", "0x10", "1.5.5"];
  }
}

/** Values that break a constraint which the model states. */
export function outOfBounds(shape: Shape): unknown[] {
  const { min, max, pattern } = shape;
  const out: unknown[] = [];
  if (isText(shape)) {
    if (min !== undefined && min > 0) out.push("");
    if (max !== undefined && max <= 300_000) out.push("y".repeat(max + 1));
    if (shape.enum !== undefined) out.push("NO_SUCH_VALUE");
    const broken = "\u0001".repeat(Math.max(2, min ?? 0));
    if (pattern !== undefined && !accepts(pattern, broken)) out.push(broken);
  } else if (shape.kind === "list" || shape.kind === "map") {
    if (shape.kind === "list" && min !== undefined && min > 0) out.push([]);
  } else if (shape.kind !== "blob") {
    if (min !== undefined) out.push(min - 1);
    if (max !== undefined) out.push(max + 1);
  }
  return out;
}

function accepts(pattern: string, text: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, "u").test(text);
  } catch {
    return true;
  }
}

/** Texts that have hurt somebody's parser, path, query, template or log before. */
export const hostileTexts: readonly string[] = [
  "",
  " ",
  "../../etc/passwd",
  "..%2f..%2fetc%2fpasswd",
  "..\\..\\windows\\win.ini",
  "%00",
  "a\u0000b",
  "\ud800",
  "\udc00\ud800",
  "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿",
  "\u202egnp.exe\u202c",
  "${aws:username}",
  "${jndi:ldap://127.0.0.1/a}",
  '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
  "]]><![CDATA[",
  `'"\`;--`,
  "' OR '1'='1",
  "\r\nSet-Cookie: a=b",
  "__proto__",
  "constructor",
  "toString",
  "*",
  "a*?b",
  "-1",
  "99999999999999999999999999",
  "NaN",
  "null",
  "[object Object]",
  "arn:aws:iam::999999999999:user/nobody",
  "arn:aws:kms:eu-west-9:999999999999:key/1234abcd-12ab-34cd-56ef-1234567890ab",
  "arn:aws:s3:::somebody-elses-bucket/key",
  "arn:aws-cn:sts::1:assumed-role/a/b",
  "arn:::::",
  "arn:aws:kms:us-east-1:",
  "1234abcd-12ab-34cd-56ef-1234567890ab",
  "alias/aws/s3",
  "AKIAIOSFODNN7EXAMPLE",
  "{",
  '{"Version":"2012-10-17","Statement":',
  "=cmd|' /C calc'!A0",
];

export const largeText = "A".repeat(1 << 20);

/** JSON sources that no object literal can make. */
export function jsonSources(member: string): readonly (string | Buffer)[] {
  return [
    "",
    "null",
    "[]",
    '"text"',
    "{",
    "[".repeat(100_000),
    `{"${member}":`.repeat(20_000) + "1" + "}".repeat(20_000),
    `{"${member}":"a","${member}":"b"}`,
    `{"__proto__":{"${member}":"a"},"constructor":{"prototype":{"x":1}}}`,
    `{"${member}":1e999}`,
    `{"${member}":"\\ud800"}`,
    Buffer.concat([Buffer.from(`{"${member}":"`), Buffer.from([0xff, 0xfe, 0xc0, 0xaf]), Buffer.from('"}')]),
    Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]),
    Buffer.from(`{"${member}":"a"}`, "utf16le"),
  ];
}

export function formSources(member: string): readonly (string | Buffer)[] {
  return [
    `${member}=a&${member}=b`,
    `${member}=%`,
    `${member}=%ff%fe`,
    `${`${member}.`.repeat(5_000)}x=1`,
    `${member}.member.99999999999=a`,
    `${member}.member.-1=a`,
    `${member}.entry.1.key=__proto__&${member}.entry.1.value=a`,
    `__proto__.x=1&constructor.prototype.y=2`,
    Buffer.concat([Buffer.from(`${member}=`), Buffer.from([0xff, 0xfe, 0xc0, 0xaf])]),
    "&".repeat(100_000),
  ];
}

export function xmlSources(root: string): readonly (string | Buffer)[] {
  return [
    "",
    "text",
    "<//>",
    `<${root}`,
    `<${root}></other>`,
    `<${root}/>`,
    `<other/>`,
    `<!DOCTYPE a [<!ENTITY e "x">]><${root}>&e;</${root}>`,
    `<${root}>`.repeat(50_000),
    `<${root}>${"<x>".repeat(2_000)}${"</x>".repeat(2_000)}</${root}>`,
    `<${root}><x>a</x><x>b</x></${root}>`,
    Buffer.concat([Buffer.from(`<${root}>`), Buffer.from([0xff, 0xfe, 0xc0, 0xaf]), Buffer.from(`</${root}>`)]),
    Buffer.from(`\ufeff<${root}/>`, "utf16le"),
  ];
}
