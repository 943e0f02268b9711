/**
 * SizeConstraintStatement: bytes of the part after its transformations. Of a body that goes on after what is inspected,
 * at least that much is there.
 */
import type { ComparisonOperator, SizeConstraintStatement } from "@aws-sdk/client-wafv2";
import { type Build, onValues, slotOf } from "../build.ts";
import type { Check } from "../evaluation.ts";

export function sizeConstraint(statement: SizeConstraintStatement, build: Build): Check {
  const slot = slotOf(statement, build);
  const compare = operators[statement.ComparisonOperator!];
  const size = statement.Size!;
  return onValues(slot, ({ values }) => {
    for (const value of values) if (compare(value.length, size)) return true;
    return false;
  });
}

const operators: Readonly<Record<ComparisonOperator, (length: number, size: number) => boolean>> = {
  EQ: (length, size) => length === size,
  NE: (length, size) => length !== size,
  LE: (length, size) => length <= size,
  LT: (length, size) => length < size,
  GE: (length, size) => length >= size,
  GT: (length, size) => length > size,
};
