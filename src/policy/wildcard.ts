/**
 * Wildcards of the policy language: `*` is any run of characters, `?` exactly one. Patterns are compiled once,
 * when the policy is loaded, into the cheapest test that decides them.
 *
 * INVARIANT: matching takes time linear in pattern × text. Patterns and texts come from customers, so no
 * backtracking regular expression is ever built from them.
 */
export type Matcher = (text: string) => boolean;

/** One piece of a pattern. `star` crosses everything; `starWithin` stops at a colon. */
export type Token = { kind: "text"; text: string } | { kind: "one" } | { kind: "star" } | { kind: "starWithin" };

/** Splits a pattern at its wildcards. `literal` pieces (from policy variables) are added with {@link textToken}. */
export function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  let from = 0;
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i];
    if (character !== "*" && character !== "?") continue;
    if (i > from) tokens.push({ kind: "text", text: pattern.slice(from, i) });
    tokens.push(character === "*" ? { kind: "star" } : { kind: "one" });
    from = i + 1;
  }
  if (from < pattern.length) tokens.push({ kind: "text", text: pattern.slice(from) });
  return tokens;
}

export function textToken(text: string): Token {
  return { kind: "text", text };
}

export function hasWildcard(pattern: string): boolean {
  return pattern.includes("*") || pattern.includes("?");
}

/** Compiles a pattern in which `*` crosses every character. */
export function compilePattern(pattern: string): Matcher {
  return compileTokens(tokensOf(pattern));
}

export function compileTokens(input: readonly Token[]): Matcher {
  const tokens = mergeTokens(input);
  if (tokens.length === 0) return (text) => text === "";
  if (tokens.length === 1) {
    const only = tokens[0]!;
    if (only.kind === "text") return (text) => text === only.text;
    if (only.kind === "star") return () => true;
    if (only.kind === "one") return (text) => text.length === 1;
  }
  if (tokens.length === 2) {
    const [first, second] = tokens;
    if (first?.kind === "text" && second?.kind === "star") return (text) => text.startsWith(first.text);
    if (first?.kind === "star" && second?.kind === "text") return (text) => text.endsWith(second.text);
  }
  if (tokens.length === 3) {
    const [first, second, third] = tokens;
    if (first?.kind === "star" && second?.kind === "text" && third?.kind === "star") {
      return (text) => text.includes(second.text);
    }
    if (first?.kind === "text" && second?.kind === "star" && third?.kind === "text") {
      const least = first.text.length + third.text.length;
      return (text) => text.length >= least && text.startsWith(first.text) && text.endsWith(third.text);
    }
  }
  return tokens.some((token) => token.kind === "starWithin") ? simulate(tokens) : greedy(tokens);
}

function mergeTokens(input: readonly Token[]): Token[] {
  const tokens: Token[] = [];
  for (const token of input) {
    const last = tokens.at(-1);
    if (token.kind === "text") {
      if (token.text === "") continue;
      if (last?.kind === "text") tokens[tokens.length - 1] = { kind: "text", text: last.text + token.text };
      else tokens.push(token);
    } else if (token.kind === "star" && last?.kind === "star") {
      continue;
    } else {
      tokens.push(token);
    }
  }
  return tokens;
}

/** With one kind of star it is enough to remember the last one seen: an earlier star never needs to take more. */
function greedy(tokens: readonly Token[]): Matcher {
  const steps = stepsOf(tokens);
  return (text) => {
    let step = 0;
    let at = 0;
    let starStep = -1;
    let starAt = 0;
    while (at < text.length) {
      const expected = steps[step];
      if (expected === anyRun) {
        starStep = step++;
        starAt = at;
      } else if (expected === anyOne || expected === text.charCodeAt(at)) {
        step++;
        at++;
      } else if (starStep >= 0) {
        step = starStep + 1;
        at = ++starAt;
      } else {
        return false;
      }
    }
    while (steps[step] === anyRun) step++;
    return step === steps.length;
  };
}

/** With two kinds of star the set of reachable positions is followed instead. */
function simulate(tokens: readonly Token[]): Matcher {
  const steps = stepsOf(tokens);
  return (text) => {
    let current = new Uint8Array(steps.length + 1);
    let next = new Uint8Array(steps.length + 1);
    const reach = (set: Uint8Array, from: number): void => {
      for (let step = from; ; step++) {
        if (set[step] === 1) return;
        set[step] = 1;
        if (steps[step] !== anyRun && steps[step] !== anyRunWithin) return;
      }
    };
    reach(current, 0);
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      next.fill(0);
      for (let step = 0; step < steps.length; step++) {
        if (current[step] !== 1) continue;
        const expected = steps[step]!;
        if (expected === anyRun || (expected === anyRunWithin && code !== colon)) reach(next, step);
        else if (expected === anyOne || expected === code) reach(next, step + 1);
      }
      [current, next] = [next, current];
    }
    return current[steps.length] === 1;
  };
}

const anyOne = -1;
const anyRun = -2;
const anyRunWithin = -3;
const colon = 58;

function stepsOf(tokens: readonly Token[]): number[] {
  const steps: number[] = [];
  for (const token of tokens) {
    if (token.kind === "star") steps.push(anyRun);
    else if (token.kind === "starWithin") steps.push(anyRunWithin);
    else if (token.kind === "one") steps.push(anyOne);
    else for (let i = 0; i < token.text.length; i++) steps.push(token.text.charCodeAt(i));
  }
  return steps;
}
