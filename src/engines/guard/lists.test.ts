/** One example of each format, as the documentation shows them, and files that are none. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AddressSet, addressNumber, parseRange } from "./addressSet.ts";
import { parseList, UnreadableList, type ListFormat } from "./lists.ts";

const stix = `<?xml version="1.0" encoding="UTF-8"?>
<stix:STIX_Package xmlns:stix="http://stix.mitre.org/stix-1">
  <stix:Observables cybox_major_version="1" cybox_minor_version="1">
    <cybox:Observable id="example:observable-1"><cybox:Object><cybox:Properties category="ipv4-addr">
      <AddressObject:Address_Value condition="Equals" apply_condition="ANY">198.51.100.1##comma##198.51.100.2</AddressObject:Address_Value>
    </cybox:Properties></cybox:Object></cybox:Observable>
    <cybox:Observable id="example:observable-2"><DomainNameObj:Value condition="Equals">bad.example.com</DomainNameObj:Value></cybox:Observable>
  </stix:Observables>
</stix:STIX_Package>`;

const fireEye = [
  "reportId, title, threatScape, sourceDomain, sourceIp, subject, md5, asn, cidr, domain, ip, port",
  '01-00000001,"A title, with a comma",Test,,198.51.100.3,,,,,,,',
  "01-00000002,https://example.com,Test,,,,,,198.51.100.0/30,,,",
  "01-00000003,x,Test,,,,,,,bad.example.com,198.51.100.9,80",
].join("\n");

const cases: [ListFormat, string, string[], string[]][] = [
  [
    "TXT",
    "54.20.175.217\r\n205.0.0.0/8\n\n2001:db8::/32\nexample.com\n",
    ["54.20.175.217", "205.0.0.0/8", "2001:db8::/32"],
    ["example.com"],
  ],
  ["STIX", stix, ["198.51.100.1", "198.51.100.2"], ["bad.example.com"]],
  [
    "OTX_CSV",
    'Indicator type, Indicator, Description\nCIDR, 192.0.2.0/24, example\nIPv4, 198.51.100.1, "a, b"\ndomain, Bad.Example.com, x',
    ["192.0.2.0/24", "198.51.100.1"],
    ["bad.example.com"],
  ],
  [
    "ALIEN_VAULT",
    "198.51.100.1#4#2#Malicious Host#US##0.0,0.0#3\n203.0.113.1#4#2#Malicious Host#US##0.0,0.0#3",
    ["198.51.100.1", "203.0.113.1"],
    [],
  ],
  [
    "PROOF_POINT",
    "ip, category, score, first_seen, last_seen, ports (|)\n198.51.100.1, 1, 100, 2000-01-01, 2000-01-01, \n203.0.113.1, 1, 100, 2000-01-01, 2000-01-01, 80",
    ["198.51.100.1", "203.0.113.1"],
    [],
  ],
  ["FIRE_EYE", fireEye, ["198.51.100.3", "198.51.100.0/30", "198.51.100.9"], ["bad.example.com"]],
];

describe("list formats", () => {
  for (const [format, text, addresses, domains] of cases) {
    test(format, () => assert.deepEqual(parseList(format, text), { addresses, domains }));
    test(`${format}: a file that is something else`, () => {
      for (const other of ["", "<html><body>not found</body></html>", "\u0000\u0001", "a,b\n1,2"]) {
        assert.throws(() => parseList(format, other), UnreadableList);
      }
    });
  }
});

test("addresses of both families, with their ends", () => {
  const set = new AddressSet(["198.51.100.0/30", "203.0.113.5", "2001:db8::/126", "0.0.0.0/33", "nonsense"]);
  const inside = ["198.51.100.0", "198.51.100.3", "203.0.113.5", "2001:db8::3", "2001:db8:0:0::1"];
  const outside = [
    "198.51.99.255",
    "198.51.100.4",
    "203.0.113.4",
    "2001:db8::4",
    "s3.amazonaws.com",
    "",
    "::ffff:1.2.3.4.5",
  ];
  for (const address of inside) assert.ok(set.has(address), address);
  for (const address of outside) assert.ok(!set.has(address), address);
  // A mapped address is the address that it maps.
  assert.ok(set.has("::ffff:203.0.113.5"));
  assert.equal(addressNumber("::1"), 1n);
  assert.deepEqual(parseRange("10.1.2.3/8"), parseRange("10.0.0.0/8"));
  assert.ok(new AddressSet(["10.0.0.0/8", "10.1.0.0/16"]).has("10.200.0.1"));
  // A range that holds all mapped addresses, and others besides.
  assert.ok(new AddressSet(["::/0"]).has("10.0.0.1"));
  assert.ok(new AddressSet(["0.0.0.0/0"]).has("255.255.255.255"));
  assert.ok(!new AddressSet(["0.0.0.0/0"]).has("::1"));
});
