import assert from "node:assert/strict";
import { test } from "node:test";
import { cidrText, contains, overlaps, parseCidr, size } from "./cidr.ts";

const canonical: [given: string, shown: string | undefined][] = [
  ["10.1.2.3/8", "10.0.0.0/8"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["192.0.2.1/32", "192.0.2.1/32"],
  ["2001:db8::1/32", "2001:db8::/32"],
  ["::/0", "::/0"],
  ["::ffff:192.0.2.1/128", "::ffff:c000:201/128"],
  ["1:0:0:2:0:0:0:3/128", "1:0:0:2::3/128"],
  ["10.0.0.0", undefined],
  ["10.0.0.0/33", undefined],
  ["10.0.0/8", undefined],
  ["010.0.0.0/8", undefined],
  ["fe80::1%eth0/64", undefined],
  ["2001:db8::/129", undefined],
  ["", undefined],
];

test("host bits are cleared, and what is no block is none", () => {
  for (const [given, shown] of canonical) {
    const block = parseCidr(given);
    assert.equal(block && cidrText(block), shown, given);
  }
});

test("blocks contain and overlap each other", () => {
  const block = (text: string) => parseCidr(text)!;
  assert.equal(contains(block("10.0.0.0/8"), block("10.9.0.0/16")), true);
  assert.equal(contains(block("10.9.0.0/16"), block("10.0.0.0/8")), false);
  assert.equal(overlaps(block("10.9.0.0/16"), block("10.0.0.0/8")), true);
  assert.equal(overlaps(block("10.0.0.0/25"), block("10.0.0.128/25")), false);
  assert.equal(overlaps(block("0.0.0.0/0"), block("::/0")), false);
  assert.equal(size(block("10.0.0.0/20")), 4096n);
});
