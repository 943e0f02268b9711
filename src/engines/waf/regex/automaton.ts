/** A parsed expression as a nondeterministic automaton over bytes: flat arrays of instructions. */
import { type Assertion, type ByteSet, type Node, RegexError } from "./syntax.ts";

export type Instruction =
  | { op: "bytes"; set: ByteSet; next: number }
  | { op: "split"; first: number; second: number }
  | { op: "assert"; what: Assertion; next: number }
  | { op: "match" };

/** A larger automaton is refused: each byte of text may cost as many steps as there are instructions. */
const mostInstructions = 20_000;

/** @throws RegexError when it is too large */
export function buildAutomaton(node: Node): { program: readonly Instruction[]; start: number } {
  const program: Instruction[] = [];
  const add = (instruction: Instruction): number => {
    if (program.length >= mostInstructions) throw new RegexError("regular expression is too large");
    return program.push(instruction) - 1;
  };

  /** Built from the end: gives where to begin so that `next` follows. */
  const build = (each: Node, next: number): number => {
    switch (each.kind) {
      case "empty":
        return next;
      case "bytes":
        return add({ op: "bytes", set: each.set, next });
      case "assert":
        return add({ op: "assert", what: each.what, next });
      case "sequence":
        return each.parts.reduceRight((after, part) => build(part, after), next);
      case "choice":
        return each.options
          .map((option) => build(option, next))
          .reduceRight((second, first) => add({ op: "split", first, second }));
      case "repeat":
        return repeat(each, next);
    }
  };

  const repeat = ({ node: inner, min, max }: Extract<Node, { kind: "repeat" }>, next: number): number => {
    let start = next;
    if (max === Number.POSITIVE_INFINITY) {
      // A loop: the split is there before what it leads to.
      const loop = add({ op: "split", first: -1, second: next });
      const body = build(inner, loop);
      program[loop] = { op: "split", first: body, second: next };
      start = loop;
    } else {
      for (let i = min; i < max; i++) start = add({ op: "split", first: build(inner, start), second: next });
    }
    for (let i = 0; i < min; i++) start = build(inner, start);
    return start;
  };

  const end = add({ op: "match" });
  return { start: build(node, end), program };
}
