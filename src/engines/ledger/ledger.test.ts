import assert from "node:assert/strict";
import { test } from "node:test";
import { accountBill, type Usage } from "./bill.ts";
import { billedUnits, hourMs, keyHours, monthOf, monthRange, startedHours } from "./hours.ts";
import { InvalidPrices, listPrices, pricesIn, pricesOver } from "./prices.ts";
import { dependsOnKey, requestClass, type RequestClass } from "./requestClasses.ts";

const november = monthRange("2026-11")!;
const at = (day: number, hour = 0, minute = 0): number => Date.UTC(2026, 10, day, hour, minute);

test("a month is UTC's, from its first moment to the next one's", () => {
  assert.deepEqual(november, { from: at(1), to: Date.UTC(2026, 11, 1) });
  assert.equal(monthOf(november.to - 1), "2026-11");
  assert.equal(monthOf(november.to), "2026-12");
  for (const wrong of ["2026-13", "2026-00", "2026-1", "26-11", "2026-11-01", "", "now"]) {
    assert.equal(monthRange(wrong), undefined, wrong);
  }
});

test("hours are started clock hours within the month", () => {
  const cases: [start: number, end: number, hours: number][] = [
    [at(2, 10), at(2, 11), 1],
    [at(2, 10), at(2, 11, 1), 2],
    [at(2, 10, 59), at(2, 11, 1), 2],
    [at(2, 10, 10), at(2, 10, 20), 1],
    [at(2, 10), at(2, 10), 0],
    [at(2, 11), at(2, 10), 0],
    [0, Infinity, 30 * 24],
    [Date.UTC(2026, 9, 1), at(1), 0],
    [november.to, Infinity, 0],
  ];
  for (const [start, end, hours] of cases) assert.equal(startedHours(start, end, november), hours, `${start} ${end}`);
});

test("a key costs itself and its first two rotations, until its deletion is scheduled", () => {
  const range = { from: november.from, to: at(11) };
  const createdAt = at(1);
  assert.equal(keyHours({ createdAt, rotations: [] }, range), 240);
  assert.equal(keyHours({ createdAt, rotations: [at(6)] }, range), 240 + 120);
  const often = [at(6), at(7), at(8), at(9)];
  assert.equal(keyHours({ createdAt, rotations: often }, range), 240 + 120 + 96);
  assert.equal(keyHours({ createdAt, rotations: often, endedAt: at(8) }, range), 168 + 48 + 24);
  assert.equal(keyHours({ createdAt, rotations: [], endedAt: Date.UTC(2026, 9, 30) }, range), 0);
  // A replica has the versions of its primary key, but not its past.
  assert.equal(keyHours({ createdAt: at(10), rotations: [at(2)] }, range), 48);
  assert.equal(billedUnits({ createdAt, rotations: often }), 3);
  assert.equal(billedUnits({ createdAt, rotations: often, endedAt: at(8) }), 0);
});

test("a request's class follows from operation and key", () => {
  const cases: [operation: string, specs: string[], pair: string | undefined, of: RequestClass][] = [
    ["Encrypt", ["SYMMETRIC_DEFAULT"], undefined, "symmetric"],
    ["Encrypt", ["RSA_2048"], undefined, "rsa-2048"],
    ["Decrypt", ["RSA_4096"], undefined, "asymmetric"],
    ["Sign", ["RSA_2048"], undefined, "rsa-2048"],
    ["Sign", ["ECC_NIST_P256"], undefined, "asymmetric"],
    ["Verify", ["ML_DSA_65"], undefined, "asymmetric"],
    ["GetPublicKey", ["RSA_3072"], undefined, "asymmetric"],
    ["ReEncrypt", ["SYMMETRIC_DEFAULT", "RSA_2048"], undefined, "rsa-2048"],
    ["ReEncrypt", ["RSA_2048", "RSA_4096"], undefined, "asymmetric"],
    ["GenerateMac", ["HMAC_256"], undefined, "symmetric"],
    ["GenerateDataKey", ["SYMMETRIC_DEFAULT"], undefined, "symmetric"],
    ["DescribeKey", ["ECC_NIST_P256"], undefined, "symmetric"],
    ["GenerateDataKeyPair", ["SYMMETRIC_DEFAULT"], "RSA_2048", "rsa-key-pair"],
    ["GenerateDataKeyPairWithoutPlaintext", ["SYMMETRIC_DEFAULT"], "ECC_NIST_P384", "ecc-key-pair"],
    ["ListKeys", [], undefined, "symmetric"],
  ];
  for (const [operation, specs, pair, of] of cases) {
    assert.equal(requestClass(operation, specs, pair), of, `${operation} ${specs.join()}`);
  }
  assert.equal(dependsOnKey("Sign"), true);
  assert.equal(dependsOnKey("GenerateDataKey"), false);
});

test("the free tier is shared by all Regions and pays for symmetric requests only", () => {
  const usage = new Map<string, Usage>([
    ["us-east-1", { keyHours: 720, requests: { symmetric: 15_000, "rsa-2048": 10_000 }, hsmHours: {} }],
    ["ap-northeast-2", { keyHours: 360, requests: { symmetric: 30_000, "rsa-key-pair": 10 }, hsmHours: {} }],
  ]);
  const bill = accountBill(usage, listPrices, 720 * hourMs);
  assert.deepEqual(
    bill.regions.map(({ region, lines }) => [region, lines.map(({ free, costUsd }) => [free, costUsd])]),
    [
      [
        "ap-northeast-2",
        [
          [undefined, 0.5],
          [20_000, 0.03],
          [undefined, 0.012],
        ],
      ],
      [
        "us-east-1",
        [
          [undefined, 1],
          [undefined, 0.045],
          [undefined, 0.03],
        ],
      ],
    ],
  );
  assert.equal(bill.totalUsd, 1.617);
  assert.equal(bill.unpriced, false);
});

test("what has no known price costs nothing that is known, and says so", () => {
  const usage = new Map([["r", { keyHours: 0, requests: {}, hsmHours: { "hsm1.medium": 2, "hsm9.huge": 1 } }]]);
  const bill = accountBill(usage, listPrices, hourMs);
  assert.deepEqual(bill.regions[0]!.lines, [
    { item: "hsm", of: "hsm1.medium", quantity: 2, priceUsd: 1.45, per: 1, costUsd: 2.9 },
    { item: "hsm", of: "hsm9.huge", quantity: 1 },
  ]);
  assert.deepEqual([bill.totalUsd, bill.unpriced], [2.9, true]);
});

test("an operator's file changes what it names and nothing else", () => {
  const own = pricesOver(listPrices, {
    asOf: "2027-01-01",
    default: { keyMonth: 2, requestsPer10000: { asymmetric: 0.2 } },
    regions: { "us-gov-west-1": { hsmHour: { "hsm1.medium": 2.05 } } },
  });
  assert.equal(own.asOf, "2027-01-01");
  assert.deepEqual(own.default.requestsPer10000, { ...listPrices.default.requestsPer10000, asymmetric: 0.2 });
  assert.equal(pricesIn(own, "us-gov-west-1").keyMonth, 2);
  assert.equal(pricesIn(own, "us-gov-west-1").hsmHour["hsm1.medium"], 2.05);
  assert.equal(pricesIn(own, "toString").hsmHour["hsm1.medium"], 1.45);
});

test("a file that is no price table is refused with the place", () => {
  const cases: [value: unknown, words: RegExp][] = [
    [[], /object/],
    [null, /object/],
    [{ prices: 1 }, /unknown member: prices/],
    [{ currency: "KRW" }, /USD/],
    [{ asOf: "today" }, /asOf/],
    [{ sources: [1] }, /sources/],
    [{ default: { keyMonth: "1" } }, /default.keyMonth/],
    [{ default: { keyMonth: -1 } }, /default.keyMonth/],
    [{ default: { requestsPer10000: { cheap: 1 } } }, /unknown member: cheap/],
    [{ regions: { x: { hsmHour: { a: Infinity } } } }, /x.a/],
    [{ freeRequestsPerMonth: null }, /freeRequestsPerMonth/],
  ];
  for (const [value, words] of cases) {
    assert.throws(
      () => pricesOver(listPrices, value),
      (error) => error instanceof InvalidPrices && words.test(error.message),
      JSON.stringify(value),
    );
  }
});
