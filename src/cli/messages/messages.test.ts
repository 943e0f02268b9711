import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { en } from "./en.ts";
import { chooseLanguage } from "./index.ts";
import { josa } from "./josa.ts";
import { ko } from "./ko.ts";

const hangul = /[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]/;
/** Said in the same letters in both languages, or only put together from what is passed in. */
const anyText = [7, 8, 9] as const;

function rendered(value: unknown): string {
  if (typeof value === "string") return value;
  return (value as (...args: unknown[]) => string)(...anyText.map(String));
}

test("both catalogues have the same keys, none empty", () => {
  assert.deepEqual(Object.keys(ko).toSorted(), Object.keys(en).toSorted());
  for (const [key, value] of [...Object.entries(en), ...Object.entries(ko)]) {
    assert.notEqual(rendered(value).trim(), "", key);
    const other = (en as Record<string, unknown>)[key];
    assert.equal(typeof value, typeof other, key);
  }
});

test("no Hangul in English, and Korean is Korean", () => {
  for (const [key, value] of Object.entries(en)) assert.doesNotMatch(rendered(value), hangul, key);
  for (const [key, value] of Object.entries(ko)) assert.match(rendered(value), hangul, key);
});

test("every text is used", () => {
  const files = globSync("../**/*.ts", { cwd: fileURLToPath(new URL(".", import.meta.url)) });
  const source = files
    .filter((file) => !file.includes("messages/") && !/^(en|ko)\.ts$/.test(file))
    .map((file) => readFileSync(new URL(file, import.meta.url), "utf8"))
    .join("\n");
  const unused = Object.keys(en).filter((key) => !new RegExp(`\\btext\\??\\.${key}\\b`).test(source));
  assert.deepEqual(unused, []);
});

test("particles follow the last sound", () => {
  const cases: [string, "은/는" | "이/가" | "을/를", string][] = [
    ["지킴이", "은/는", "지킴이는"],
    ["콘솔", "이/가", "콘솔이"],
    ["4566", "은/는", "4566은"],
    ["4565", "은/는", "4565는"],
    ["4561", "을/를", "4561을"],
    ["api", "이/가", "api가"],
    ["kernel", "이/가", "kernel이"],
    ["", "을/를", "를"],
  ];
  for (const [word, particle, expected] of cases) assert.equal(josa(word, particle), expected);
});

test("the language is asked for, or that of the environment", () => {
  assert.equal(chooseLanguage("ko", { LANG: "en_US.UTF-8" }), "ko");
  assert.equal(chooseLanguage(undefined, { LANG: "ko_KR.UTF-8" }), "ko");
  assert.equal(chooseLanguage(undefined, { LC_ALL: "C", LANG: "ko_KR.UTF-8" }), "en");
  assert.equal(chooseLanguage(undefined, { LANG: "kok_IN" }), "en");
  assert.equal(chooseLanguage(undefined, {}), "en");
});

test("why it is sealed is said in Korean; what another program said stays as it is", () => {
  assert.equal(ko.sealClosed("passphrase", "sealed by an operator"), "passphrase, 봉인됨: 운영자가 봉인함");
  assert.equal(ko.sealClosed("shamir", "waiting for 3 shares"), "shamir, 봉인됨: 조각 3개를 기다리는 중");
  assert.equal(ko.sealClosed("kms", "KMS refused Decrypt"), "kms, 봉인됨: KMS refused Decrypt");
});
