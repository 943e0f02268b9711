/**
 * What has been given up, as its dead-letter queue is told.
 * Source: EventBridge User Guide, "Using dead-letter queues to process undelivered events" (message attributes).
 */
import type { Failure } from "./outcome.ts";

/** The limit of a retry policy that was reached. */
export type Condition = "MaximumRetryAttempts" | "MaximumEventAgeInSeconds";

export interface DeadLetter {
  code: string;
  message: string;
  condition?: Condition;
  /** Retries made. */
  retries: number;
}

export function deadLetter({ code, message }: Failure, attempts: number, condition?: Condition): DeadLetter {
  const retries = Math.max(0, attempts - 1);
  return { code, message, retries, ...(condition === undefined ? {} : { condition }) };
}

/** What a message attribute may hold. Source: SQS Developer Guide, "Message attributes" (characters of a body). */
export const printable = (text: string): string => text.replace(/[^\t\n\r -\uD7FF\uE000-\uFFFD]/g, " ");

/** Message attributes of texts; those that are absent or empty are none. */
export function textAttributes(
  texts: Readonly<Record<string, string | undefined>>,
): Record<string, { DataType: "String"; StringValue: string }> {
  const given = Object.entries(texts).filter((entry): entry is [string, string] => (entry[1] ?? "") !== "");
  return Object.fromEntries(
    given.map(([name, text]) => [name, { DataType: "String" as const, StringValue: printable(text) }]),
  );
}
