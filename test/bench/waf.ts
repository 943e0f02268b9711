/** The firewall's CPU time per request, against the same web ACL evaluated statement by statement without the prefilter. */
import { systemClock } from "#kernel/clock.ts";
import { systemRandom } from "#kernel/ids.ts";
import { compile } from "#engines/waf/compile.ts";
import type { Facilities, Program, WafRequest } from "#engines/waf/contract.ts";
import type { FieldToMatch, Rule } from "#engines/waf/model.ts";
import { MemoryRateCounters } from "#engines/waf/rateCounters.ts";
import { byteStatement, request, rule, source, transformed } from "#engines/waf/testing.ts";
import { print, type Row } from "./parts/row.ts";

const facilities: Facilities = {
  clock: systemClock,
  random: systemRandom,
  counters: new MemoryRateCounters(),
  tokenKey: new Uint8Array(32),
};

/** 200 texts and 40 expressions over four parts of the request, both detectors, a rate: some 4,500 capacity units. */
function rules(): Rule[] {
  const fields: FieldToMatch[] = [
    { UriPath: {} },
    { QueryString: {} },
    { Body: {} },
    { Headers: { MatchPattern: { All: {} }, MatchScope: "VALUE", OversizeHandling: "CONTINUE" } },
  ];
  const chain = ["URL_DECODE", "LOWERCASE"] as const;
  const found: Rule[] = [];
  for (const [i, field] of fields.entries()) {
    for (let n = 0; n < 50; n++)
      found.push(rule(`text-${i}-${n}`, found.length, byteStatement(`forbidden${n}x`, field, "CONTAINS", ...chain)));
    for (let n = 0; n < 10; n++) {
      const RegexString = `(?i)evil${n}\\s*=\\s*[a-z0-9]{4,}`;
      found.push(
        rule(`regex-${i}-${n}`, found.length, {
          RegexMatchStatement: { RegexString, FieldToMatch: field, TextTransformations: transformed(...chain) },
        }),
      );
    }
    found.push(
      rule(`sql-${i}`, found.length, {
        SqliMatchStatement: { FieldToMatch: field, TextTransformations: transformed("URL_DECODE") },
      }),
    );
    found.push(
      rule(`xss-${i}`, found.length, {
        XssMatchStatement: { FieldToMatch: field, TextTransformations: transformed("URL_DECODE") },
      }),
    );
  }
  found.push(
    rule("rate", found.length, {
      RateBasedStatement: { Limit: 2_000_000_000, EvaluationWindowSec: 60, AggregateKeyType: "IP" },
    }),
  );
  return found;
}

const headers = [
  ["Host", "shop.example.com"],
  [
    "User-Agent",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
  ],
  ["Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
  ["Accept-Language", "ko-KR,ko;q=0.9,en;q=0.8"],
  ["Cookie", "session=4f2a9c1b7d; theme=dark; cart=3"],
] as const;

/** About 1.9 KB of JSON with 145 values. */
const json = JSON.stringify({
  order: 4711,
  customer: { name: "Conan O'Brien", mail: "conan@example.com", note: "leave it at the neighbour's, please" },
  items: Array.from({ length: 28 }, (_, i) => ({
    sku: `SKU-${1_000 + i}`,
    name: `Article no. ${i}`,
    count: (i % 3) + 1,
    price: 19.9 + i,
    gift: i % 7 === 0,
  })),
});

function microseconds(program: Program, sent: WafRequest, times: number): number {
  const run = (count: number): void => {
    for (let i = 0; i < count; i++)
      if (program.inspect(sent, facilities).action !== "ALLOW") throw new Error("the request was not let through");
  };
  run(Math.ceil(times / 4));
  const before = process.cpuUsage();
  run(times);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

export async function bench(): Promise<Row[]> {
  const given = rules();
  const fast = compile(source(given));
  const naive = compile(source(given), { prefilter: false });
  const requests: [string, WafRequest, number][] = [
    ["GET", request({ target: "/products/list?category=shoes&page=2&sort=price&size=42&color=black", headers }), 8_000],
    [
      "POST 2 KB JSON",
      request({ target: "/orders", headers: [...headers, ["Content-Type", "application/json"]], body: json }),
      2_000,
    ],
  ];
  return requests.map(([name, sent, times]) => {
    const quick = microseconds(fast, sent, times);
    const slow = microseconds(naive, sent, times);
    return {
      name: `firewall, ${name}, against one statement after another`,
      ratio: slow / quick,
      detail: `${quick.toFixed(1)} µs a request, ${slow.toFixed(1)} without the prefilter; ${given.length} rules`,
    };
  });
}

if (import.meta.main) print(await bench());
