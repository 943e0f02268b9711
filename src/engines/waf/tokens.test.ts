/** CAPTCHA and Challenge: who gets the puzzle, what solves it, and what does not. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { compile } from "./compile.ts";
import type { Program, Verdict } from "./contract.ts";
import { byteStatement as path, facilities, request, type RequestParts, rule, source } from "./testing.ts";
import { tokenCookie } from "./tokens.ts";

const inspect = (program: Program, parts: RequestParts, given = facilities()): Verdict =>
  program.inspect(request(parts), given);

/** What the page's script does. */
function solve(puzzle: string): string {
  for (let n = 0; ; n++) {
    const token = `${puzzle}.${n}`;
    if (createHash("sha256").update(token).digest().readUInt16BE(0) === 0) return token;
  }
}

describe("tokens", () => {
  const browser: readonly (readonly [string, string])[] = [
    ["Host", "app.example.com"],
    ["Accept", "text/html,*/*"],
  ];
  const withCookie = (token: string, host = "app.example.com"): RequestParts => ({
    headers: [
      ["Host", host],
      ["Accept", "text/html"],
      ["Cookie", `a=b; ${tokenCookie}=${token}`],
    ],
  });
  const challenge = compile(
    source([rule("challenge", 0, path("/"), { Challenge: {} })], {
      challenge: { ImmunityTimeProperty: { ImmunityTime: 600 } },
    }),
  );

  function puzzleOf(body: string): string {
    return /var base="([^"]+)"/.exec(body)![1]!;
  }

  test("without a token the client gets the puzzle; with its solution it passes, until the immunity is over", () => {
    const given = facilities();
    const first = inspect(challenge, { headers: browser }, given);
    assert.deepEqual(
      [first.action, first.response!.status, first.challenge],
      ["CHALLENGE", 202, { responseCode: 202, failureReason: "TOKEN_MISSING" }],
    );
    assert.ok(first.response!.headers.some(([name, value]) => name === "x-amzn-waf-action" && value === "challenge"));
    const token = solve(puzzleOf(first.response!.body));
    const second = inspect(challenge, withCookie(token), given);
    assert.deepEqual([second.action, second.challenge!.responseCode], ["ALLOW", 0]);
    given.clock.advance(601_000);
    assert.equal(inspect(challenge, withCookie(token), given).challenge!.failureReason, "TOKEN_EXPIRED");
  });

  test("the page's own script finds the solution", () => {
    const given = facilities();
    const body = inspect(challenge, { headers: browser }, given).response!.body;
    const script = /<script>([^]*)<\/script>/.exec(body)![1]!;
    const page = { cookie: "other=1" };
    let reloaded = false;
    const location = { protocol: "http:", reload: () => (reloaded = true) };
    const later: (() => void)[] = [];
    const setTimeout = (work: () => void): number => later.push(work);
    runInContext(script, createContext({ document: page, location, setTimeout }));
    while (!reloaded && later.length > 0) later.shift()!();
    const token = new RegExp(`^${tokenCookie}=([^;]+);path=/`).exec(page.cookie)![1]!;
    assert.equal(inspect(challenge, withCookie(token), given).action, "ALLOW");
  });

  test("nothing made up passes", () => {
    const given = facilities();
    const token = solve(puzzleOf(inspect(challenge, { headers: browser }, given).response!.body));
    const [kind, issued, nonce, domain, signature, solution] = token.split(".") as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const forged = [
      "x",
      [kind, issued, nonce, domain, signature, "1"].join("."),
      [kind, String(Number(issued) + 60), nonce, domain, signature, solution].join("."),
      [kind, issued, nonce, domain, "A".repeat(43), solution].join("."),
      `${token}.x`,
      ["c", issued, nonce, domain, signature, solution].join("."),
    ];
    for (const each of forged) {
      const verdict = inspect(challenge, withCookie(each), given);
      assert.equal(verdict.action, "CHALLENGE", each);
    }
    assert.equal(
      inspect(challenge, withCookie(token, "other.example.com"), given).challenge!.failureReason,
      "TOKEN_DOMAIN_MISMATCH",
    );
    const otherKey = { ...given, tokenKey: new Uint8Array(32).fill(8) };
    assert.equal(inspect(challenge, withCookie(token), otherKey).challenge!.failureReason, "TOKEN_INVALID");
  });

  test("a token for a token domain is good for all hosts below it", () => {
    const program = compile(
      source([rule("challenge", 0, path("/"), { Challenge: {} })], { tokenDomains: ["example.com"] }),
    );
    const given = facilities();
    const token = solve(puzzleOf(inspect(program, { headers: browser }, given).response!.body));
    assert.equal(inspect(program, withCookie(token, "www.example.com"), given).action, "ALLOW");
    assert.equal(inspect(program, withCookie(token, "example.org"), given).action, "CHALLENGE");
  });

  test("a client that wants no page gets the status alone", () => {
    const { response } = inspect(challenge, {
      headers: [
        ["Host", "a"],
        ["Accept", "application/json"],
      ],
    });
    assert.deepEqual([response!.status, response!.body], [202, ""]);
  });

  test("a CAPTCHA passes with what the picture shows and with nothing else", () => {
    const program = compile(source([rule("captcha", 0, path("/"), { Captcha: {} })]));
    const given = facilities();
    // Chance that always gives the first character of the alphabet.
    const known = { ...given, random: { ...given.random, below: () => 0 } };
    const first = inspect(program, { headers: browser }, known);
    assert.deepEqual([first.action, first.response!.status], ["CAPTCHA", 405]);
    const png = Buffer.from(/base64,([^"]+)"/.exec(first.response!.body)![1]!, "base64");
    assert.equal(png.subarray(1, 4).toString(), "PNG");
    const puzzle = /keep\("([^"]+)"/.exec(first.response!.body)![1]!;
    // The alphabet's first character is a digit: keys that are numbers come first.
    assert.equal(inspect(program, withCookie(`${puzzle}.333333`), given).action, "ALLOW");
    assert.equal(inspect(program, withCookie(`${puzzle}.33333A`), given).captcha!.failureReason, "TOKEN_INVALID");
    assert.equal(inspect(program, withCookie(puzzle), given).captcha!.failureReason, "TOKEN_INVALID");
  });
});
