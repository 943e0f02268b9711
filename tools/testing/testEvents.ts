/**
 * Reporter for `node --test-reporter`: one JSON line per finished test, for the runner that started the process.
 * The reporter runs in the process of the tests, so a test that ends the process leaves what was written so far.
 */
import type { TestEvent } from "node:test/reporters";

export interface ReportedTest {
  name: string;
  nesting: number;
  outcome: "passed" | "failed" | "skipped";
  /** It failed only because tests inside of it did; those are reported themselves. */
  becauseOfInner: boolean;
  error?: string;
  line?: number;
}

/** Last line: every test has ended by itself. A file that ends its own process, or has no test, does not get here. */
export const endMark = '"end"';

export default async function* reporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { data } = event;
    const isSuite = data.details?.type === "suite";
    const failure = event.type === "test:fail" ? event.data.details.error : undefined;
    // The types do not know the property; node:test sets it on every error it reports.
    const becauseOfInner = (failure as { failureType?: string } | undefined)?.failureType === "subtestsFailed";
    // A group counts by its tests; it counts itself only when its own hooks failed.
    if (isSuite && (failure === undefined || becauseOfInner) && data.skip === undefined) continue;
    const report: ReportedTest = {
      name: data.name,
      nesting: data.nesting,
      outcome: data.skip !== undefined || data.todo !== undefined ? "skipped" : failure ? "failed" : "passed",
      becauseOfInner,
    };
    if (data.line !== undefined) report.line = data.line;
    if (failure) report.error = describe(failure);
    yield `${JSON.stringify(report)}\n`;
  }
  yield `${endMark}\n`;
}

function describe(error: Error & { cause?: unknown }): string {
  const cause = error.cause ?? error;
  if (cause instanceof Error) return cause.stack ?? cause.message;
  return String(cause);
}
