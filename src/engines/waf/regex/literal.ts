/** The longest text that every match of an expression contains: what the prefilter looks for before the automaton runs. */
import type { ByteSet, Node } from "./syntax.ts";

/** In lower case; `undefined` when there is none of at least three bytes. */
export function requiredLiteral(node: Node): string | undefined {
  const { best } = factsOf(node);
  return best.length >= 3 ? best : undefined;
}

interface Facts {
  /** The node matches exactly this text (but for case), or `undefined`. */
  exact: string | undefined;
  best: string;
}

function factsOf(node: Node): Facts {
  switch (node.kind) {
    case "bytes": {
      const letter = single(node.set);
      return { exact: letter, best: letter ?? "" };
    }
    case "sequence":
      return sequenceFacts(node.parts);
    case "repeat": {
      const inner = factsOf(node.node);
      if (node.min === 0) return { exact: undefined, best: "" };
      return node.min === 1 && node.max === 1 ? inner : { exact: undefined, best: inner.best };
    }
    case "choice":
      return { exact: undefined, best: "" };
    case "empty":
    case "assert":
      return { exact: "", best: "" };
  }
}

function sequenceFacts(parts: readonly Node[]): Facts {
  let run = "";
  let best = "";
  let whole = true;
  for (const part of parts) {
    const { exact, best: inner } = factsOf(part);
    if (exact !== undefined) run += exact;
    else {
      whole = false;
      if (run.length > best.length) best = run;
      if (inner.length > best.length) best = inner;
      run = "";
    }
  }
  if (run.length > best.length) best = run;
  return { exact: whole ? run : undefined, best };
}

/** The one byte of a set, or the letter whose two cases it is. */
function single(set: ByteSet): string | undefined {
  let only = -1;
  for (let code = 0; code < 256; code++) {
    if (!set[code]) continue;
    if (only < 0) only = code;
    else if (only >= 65 && only <= 90 && code === only + 32) only = code;
    else return undefined;
  }
  return only < 0 ? undefined : String.fromCharCode(only >= 65 && only <= 90 ? only + 32 : only);
}
