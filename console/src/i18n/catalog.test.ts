import assert from "node:assert/strict";
import { test } from "node:test";
import { catalog } from "./catalog.ts";
import { fill } from "./fill.ts";

const parameters = (text: string) => [...text.matchAll(/\{(\w+)/g)].map(([, name]) => name).toSorted();
const particles = new Set(["은/는", "이/가", "을/를", "(으)로"]);

test("every text has both languages, with the same parameters, and no Hangul in English", () => {
  for (const [key, [en, ko]] of Object.entries(catalog)) {
    assert.ok(en.trim() !== "" && ko.trim() !== "", key);
    assert.deepEqual(parameters(en), parameters(ko), key);
    assert.doesNotMatch(en, /[가-힣]/, key);
    assert.doesNotMatch(en, /\{\w+:/, key);
    for (const [, particle] of ko.matchAll(/\{\w+:([^}]+)\}/g)) assert.ok(particles.has(particle!), key);
    // A particle written out would be wrong for half of all names.
    assert.doesNotMatch(ko, /\}(은|는|이|가|을|를|로|으로)(?![가-힣])/, key);
  }
});

test("particles follow what is put in", () => {
  const cases: [text: string, name: string, expected: string][] = [
    ["{name:을/를} 삭제", "alice", "alice를 삭제"],
    ["{name:을/를} 삭제", "버킷", "버킷을 삭제"],
    ["{name:은/는} 없음", "Shield", "Shield는 없음"],
    ["{name:(으)로} 전환", "관리자", "관리자로 전환"],
    ["{name:(으)로} 전환", "역할", "역할로 전환"],
    ["{name:(으)로} 전환", "사람", "사람으로 전환"],
    ["{name:(으)로} 전환", "admin", "admin으로 전환"],
    ["{name:(으)로} 전환", "role", "role로 전환"],
    ["{name:(으)로} 전환", "key1", "key1로 전환"],
    ["{name:(으)로} 전환", "key3", "key3으로 전환"],
  ];
  for (const [text, name, expected] of cases) assert.equal(fill(text, { name }), expected);
});

test("what is not given stays visible", () => {
  assert.equal(fill("{count} of {total}", { count: 1 }), "1 of {total}");
});
