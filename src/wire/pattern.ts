/**
 * The models' patterns are Java's. What JavaScript writes differently is translated here.
 * Source: java.util.regex.Pattern, "POSIX character classes", "Special constructs", "Possessive quantifiers".
 */
/** Longest text a pattern is tried on: a bound on what a pattern can cost. */
export const patternInputLimit = 8192;

const posix: Readonly<Record<string, string>> = {
  Lower: "a-z",
  Upper: "A-Z",
  ASCII: String.raw`\x00-\x7F`,
  Alpha: "a-zA-Z",
  Digit: "0-9",
  Alnum: "a-zA-Z0-9",
  Punct: String.raw`!-\/:-@\[-${"`"}\{-~`,
  Graph: "!-~",
  Print: " -~",
  Blank: String.raw` \t`,
  Cntrl: String.raw`\x00-\x1F\x7F`,
  XDigit: "0-9a-fA-F",
  Space: String.raw` \t\n\v\f\r`,
};

function translate(pattern: string): { source: string; flags: string } {
  let flags = "";
  // Java's inline flags at the start: (?s) dot matches all, (?i) ignore case, (?m) multiline.
  let source = pattern.replace(/^(\^?)\(\?([ism]+)\)/, (_, anchor: string, given: string) => {
    flags = given;
    return anchor;
  });
  let inClass = 0;
  source = source.replace(/\\p\{([A-Za-z]+)\}|\\.|\[|\]/gs, (token, name: string | undefined) => {
    if (token === "[") inClass = 1;
    else if (token === "]") inClass = 0;
    else if (name !== undefined && Object.hasOwn(posix, name)) return inClass ? posix[name]! : `[${posix[name]}]`;
    return token;
  });
  return { source: source.replaceAll(String.raw`\Z`, "$").replaceAll(String.raw`\z`, "$"), flags };
}

/**
 * Patterns of the models that take exponential time on a text that almost matches, and the same language without
 * ambiguity. A test tries every pattern on such texts.
 */
const linearForms: ReadonlyMap<string, string> = new Map([
  ["[a-zA-Z](?:-?[a-zA-Z0-9]+)*", "[a-zA-Z](?:-?[a-zA-Z0-9])*"],
  [String.raw`^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$`, String.raw`^[a-z0-9*](?:[._\-/]?[a-z0-9*])*$`],
]);

/**
 * What can be said of texts beyond `patternInputLimit`. "bounded": the pattern repeats nothing without end, so none of
 * them matches. "linear": one class repeated, which costs the length of the text. "unknown": not tried.
 */
export function reachOf(pattern: string): "bounded" | "linear" | "unknown" {
  // Escapes and classes stand for one character each; what is left are the operators.
  const operators = pattern
    .replaceAll(/\\[pP]\{[^}]*\}|\\./gs, "a")
    .replaceAll(/\[[^\]]*\]/g, "a")
    .replaceAll(/\(\?[:=!]|\(\?<[=!]/g, "(");
  if (!/[*+]|\{\d+,\}/.test(operators)) return longest(operators) < patternInputLimit ? "bounded" : "unknown";
  return /^\^?a[*+]\$?$/.test(operators) ? "linear" : "unknown";
}

/** An upper bound of the length that operators without endless repetition match: counted atoms add, counted groups multiply. */
function longest(operators: string): number {
  let atoms = operators.length;
  let groups = 1;
  for (const [, before, low, high] of operators.matchAll(/(.)\{(\d+)(?:,(\d+))?\}/g)) {
    const most = Number(high ?? low);
    if (before === ")") groups *= Math.max(1, most);
    else atoms += most;
  }
  return atoms * groups;
}

/** The whole value has to match, as Java's `matches` does. Undefined when JavaScript has no such pattern. */
export function compilePattern(pattern: string): RegExp | undefined {
  const { source, flags } = translate(linearForms.get(pattern) ?? pattern);
  for (const mode of ["u", ""]) {
    try {
      return new RegExp(`^(?:${source})$`, flags + mode);
    } catch {
      // The u mode is stricter about escapes than Java is.
    }
  }
  return undefined;
}
