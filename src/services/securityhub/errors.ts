/** Security Hub's refusals. Source: Security Hub API Reference, "Errors" of each operation; recorded answers of AWS. */
import { AwsError } from "#kernel/errors.ts";

const error = (code: string, status: number) => (message: string) =>
  new AwsError(code, message, status, { fields: { Code: code } });

export const invalidInput = error("InvalidInputException", 400);
export const invalidAccess = error("InvalidAccessException", 401);
export const accessDenied = error("AccessDeniedException", 403);
export const conflict = error("ResourceConflictException", 409);
export const notFound = error("ResourceNotFoundException", 404);
export const limitExceeded = error("LimitExceededException", 429);

export const notSubscribed = (account: string) =>
  invalidAccess(`Account ${account} is not subscribed to AWS Security Hub`);

/** What this installation cannot do, with what it would need. */
export const unavailable = (what: string, needs: string) => invalidInput(`${what} is unavailable: needs ${needs}.`);
