/** Databases of networks: a small one written here, of each record size, and damaged ones. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compile } from "../compile.ts";
import { facilities, request, rule, source } from "../testing.ts";
import { openLocation } from "./location.ts";
import { networkDatabase } from "./writing.testing.ts";

const networks = {
  "203.0.113.0/24": { country: { iso_code: "KR" } },
  "198.51.100.0/25": { country_code: "us" },
  "2001:db8::/32": { country: { iso_code: "DE" } },
};

describe("databases of networks", () => {
  for (const bits of [24, 28, 32] as const) {
    test(`records of ${bits} bits`, () => {
      const location = openLocation({ countries: networkDatabase(networks, bits) });
      assert.deepEqual(
        ["203.0.113.9", "198.51.100.127", "198.51.100.128", "2001:db8:1::1", "2001:db9::1", "nothing"].map((address) =>
          location.country(address),
        ),
        ["KR", "US", undefined, "DE", undefined, undefined],
      );
    });
  }

  test("autonomous systems", () => {
    const location = openLocation({
      systems: networkDatabase({ "192.0.2.0/24": { autonomous_system_number: 64_500 } }, 24),
    });
    assert.deepEqual(
      [location.asn("192.0.2.1"), location.asn("192.0.3.1"), location.country("192.0.2.1")],
      [64_500, undefined, undefined],
    );
  });

  test("what is no database is refused, and a damaged one gives nothing or something, and ends", () => {
    assert.throws(() => openLocation({ countries: Buffer.from("hello") }), /not a database/);
    const whole = networkDatabase(networks, 24);
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const damaged = Buffer.from(whole);
        damaged[at] = byte;
        try {
          openLocation({ countries: damaged }).country("203.0.113.9");
        } catch (error) {
          assert.equal((error as Error).constructor.name, "DatabaseError", String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("a country is blocked, and the request labelled", () => {
    const given = { ...facilities(), location: openLocation({ countries: networkDatabase(networks, 24) }) };
    const program = compile(source([rule("geo", 0, { GeoMatchStatement: { CountryCodes: ["KR"] } })]));
    const blocked = program.inspect(request({ from: "203.0.113.7" }), given);
    assert.deepEqual(
      [blocked.action, blocked.country, blocked.labels],
      ["BLOCK", "KR", ["awswaf:clientip:geo:country:KR"]],
    );
    const passed = program.inspect(request({ from: "198.51.100.1" }), given);
    assert.deepEqual([passed.action, passed.labels], ["ALLOW", ["awswaf:clientip:geo:country:US"]]);
    assert.deepEqual(program.inspect(request({ from: "9.9.9.9" }), given).labels, ["awswaf:clientip:geo:country:XX"]);
  });
});
