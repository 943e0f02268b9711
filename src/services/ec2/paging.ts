/**
 * MaxResults and NextToken of the Describe operations.
 * Source: EC2 API Reference, "Pagination"; DescribeVpcs ("between 5 and 1000").
 */
import { PageTokens, pageOfNamed } from "#gateway/pageTokens.ts";
import { invalidCombination, failure, invalidValue } from "./errors.ts";

const tokens = new PageTokens("ec2", () => failure("InvalidNextToken", "The token is invalid."));

export interface PageInput {
  MaxResults?: number | undefined;
  NextToken?: string | undefined;
}

/** Without MaxResults, everything. @throws InvalidParameterValue, InvalidNextToken */
export function paged<T extends { id: string }>(
  items: readonly T[],
  input: PageInput,
  limits: { least: number; most: number; ids?: readonly string[] | undefined; idsName?: string } = {
    least: 5,
    most: 1000,
  },
): { items: T[]; NextToken?: string } {
  const { MaxResults: most, NextToken: token } = input;
  if (most !== undefined && limits.ids?.length) {
    throw invalidCombination(`The parameter ${limits.idsName ?? "ids"} cannot be used with the parameter maxResults`);
  }
  if (most !== undefined && most < limits.least) {
    throw invalidValue(
      `Value ( ${most} ) for parameter maxResults is invalid. Expecting a value greater than or equal to ${limits.least}.`,
    );
  }
  if (most !== undefined && most > limits.most) {
    throw invalidValue(
      `Value ( ${most} ) for parameter maxResults is invalid. Expecting a value less than or equal to ${limits.most}.`,
    );
  }
  const sorted = items.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const page = pageOfNamed(sorted, { after: tokens.read(token), limit: most ?? Infinity }, ({ id }) => id);
  return { items: page.items, ...(page.next === undefined ? {} : { NextToken: tokens.write(page.next) }) };
}
