/**
 * MaxResults and NextToken of the Describe operations.
 * Source: EC2 API Reference, "Pagination"; DescribeVpcs ("between 5 and 1000").
 */
import { invalidCombination, failure, invalidValue } from "./errors.ts";

const mark = "ec2:";

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
  const after = token === undefined ? "" : lastSeen(token);
  const sorted = items.filter(({ id }) => id > after).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  if (most === undefined || sorted.length <= most) return { items: sorted };
  const page = sorted.slice(0, most);
  return { items: page, NextToken: Buffer.from(mark + page.at(-1)!.id).toString("base64url") };
}

function lastSeen(token: string): string {
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (!text.startsWith(mark)) throw failure("InvalidNextToken", "The token is invalid.");
  return text.slice(mark.length);
}
