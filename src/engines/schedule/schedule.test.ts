/** Expressions of the EventBridge User Guide, with the times they name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isZone, nextZoned, parseZoned } from "./zoned.ts";
import { lastDue, nextDue, parseSchedule, ScheduleError } from "./schedule.ts";

const at = (text: string) => Date.parse(text);
const next = (expression: string, after: string) => {
  const due = nextDue(parseSchedule(expression), at(after), 0);
  return due === undefined ? undefined : new Date(due).toISOString();
};

test("cron expressions name the minutes the guide says", () => {
  const table: [expression: string, after: string, due: string][] = [
    // "10:00 am (UTC) every day", "12:15 pm every day", "6:00 pm Monday through Friday", "8:00 am first of the month"
    ["cron(0 10 * * ? *)", "2026-03-01T10:00:00Z", "2026-03-02T10:00:00.000Z"],
    ["cron(15 12 * * ? *)", "2026-03-01T10:00:00Z", "2026-03-01T12:15:00.000Z"],
    ["cron(0 18 ? * MON-FRI *)", "2026-03-06T18:00:00Z", "2026-03-09T18:00:00.000Z"],
    ["cron(0 8 1 * ? *)", "2026-12-01T08:00:00Z", "2027-01-01T08:00:00.000Z"],
    ["cron(0/15 * * * ? *)", "2026-03-01T10:45:01Z", "2026-03-01T11:00:00.000Z"],
    ["cron(0/5 8-17 ? * MON-FRI *)", "2026-03-06T17:55:00Z", "2026-03-09T08:00:00.000Z"],
    ["cron(0 9 ? * 2#1 *)", "2026-03-02T09:00:00Z", "2026-04-06T09:00:00.000Z"],
    ["cron(0 0 L * ? *)", "2028-02-01T00:00:00Z", "2028-02-29T00:00:00.000Z"],
    ["cron(0 0 ? * 6L *)", "2026-03-01T00:00:00Z", "2026-03-27T00:00:00.000Z"],
    // 1 August 2026 is a Saturday, 15 a Saturday, 31 May a Sunday.
    ["cron(0 0 1W 8 ? *)", "2026-07-01T00:00:00Z", "2026-08-03T00:00:00.000Z"],
    ["cron(0 0 15W 8 ? *)", "2026-07-01T00:00:00Z", "2026-08-14T00:00:00.000Z"],
    ["cron(0 0 31W 5 ? *)", "2026-05-01T00:00:00Z", "2026-05-29T00:00:00.000Z"],
    ["cron(30 23 29 2 ? 2027-2029)", "2026-01-01T00:00:00Z", "2028-02-29T23:30:00.000Z"],
    ["cron(59 23 31 12 ? *)", "2026-12-31T23:58:59.999Z", "2026-12-31T23:59:00.000Z"],
  ];
  for (const [expression, after, due] of table) assert.equal(next(expression, after), due, expression);
});

test("an expression whose years are over is never due", () => {
  assert.equal(next("cron(0 0 1 1 ? 2020)", "2026-01-01T00:00:00Z"), undefined);
});

test("a rate counts from its start", () => {
  const rate = parseSchedule("rate(5 minutes)");
  assert.equal(nextDue(rate, 1000, 1000), 301_000);
  assert.equal(nextDue(rate, 301_000, 1000), 601_000);
  assert.equal(lastDue(rate, 301_000, 1_501_000, 1000), 1_501_000);
});

test("the last due time before a clock that was moved is found, near and far", () => {
  const daily = parseSchedule("cron(0 10 * * ? *)");
  const due = at("2026-03-01T10:00:00Z");
  assert.equal(lastDue(daily, due, at("2026-03-01T10:00:30Z"), 0), due);
  assert.equal(lastDue(daily, due, at("2029-03-04T09:59:00Z"), 0), at("2029-03-03T10:00:00Z"));
  const minutely = parseSchedule("cron(* * * * ? *)");
  assert.equal(lastDue(minutely, due, at("2028-01-01T00:00:30Z"), 0), at("2028-01-01T00:00:00Z"));
});

test("what is no schedule is refused", () => {
  for (const text of [
    "rate(1 minutes)",
    "rate(5 minute)",
    "rate(0 minutes)",
    "rate(-1 days)",
    "rate(5 seconds)",
    "rate(5minutes)",
    "rate()",
    "cron()",
    "cron(0 10 * * *)",
    "cron(0 10 * * * *)",
    "cron(0 10 ? * ? *)",
    "cron(7 20 * * 1-7 *)",
    "cron(71 8 1 * ? *)",
    "cron(0 dummy ? * MON-FRI *)",
    "cron(0 0 32 * ? *)",
    "cron(0 0 ? * 6#6 *)",
    "cron(0 0 1 * ? 1969)",
    "cron(0/0 * * * ? *)",
    "cron(5-1 * * * ? *)",
    "at(2026-01-01T00:00:00)",
    "daily",
  ]) {
    assert.throws(() => parseSchedule(text), ScheduleError, text);
  }
});

test("schedules in a time zone follow its clocks", () => {
  const zoned = (expression: string, zone: string, after: string) => {
    const due = nextZoned(parseZoned(expression, zone), at(after), 0);
    return due === undefined ? undefined : new Date(due).toISOString();
  };
  const table: [expression: string, zone: string, after: string, due: string | undefined][] = [
    ["cron(0 9 * * ? *)", "Asia/Seoul", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00.000Z"],
    ["cron(0 9 * * ? *)", "America/New_York", "2026-01-01T00:00:00Z", "2026-01-01T14:00:00.000Z"],
    ["cron(0 9 * * ? *)", "America/New_York", "2026-07-01T00:00:00Z", "2026-07-01T13:00:00.000Z"],
    // 8 March 2026 has no 2:30 in New York; the next one is on the ninth.
    ["cron(30 2 * * ? *)", "America/New_York", "2026-03-08T00:00:00Z", "2026-03-09T06:30:00.000Z"],
    // 1 November 2026 has 1:30 twice; it comes the first time only.
    ["cron(30 1 * * ? *)", "America/New_York", "2026-11-01T00:00:00Z", "2026-11-01T05:30:00.000Z"],
    ["cron(30 1 * * ? *)", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00.000Z"],
    ["at(2026-05-01T12:00:00)", "Asia/Seoul", "2026-01-01T00:00:00Z", "2026-05-01T03:00:00.000Z"],
    ["at(2026-05-01T12:00:00)", "UTC", "2026-05-01T12:00:00Z", undefined],
  ];
  for (const [expression, zone, after, due] of table) assert.equal(zoned(expression, zone, after), due, expression);
  assert.equal(nextZoned(parseZoned("rate(1 hour)", "UTC"), 5, 1000), 1000);
  for (const text of ["at(2026-02-30T00:00:00)", "at(2021-12-31T23:59:59Z)", "at(2021-12-31)", "at()"]) {
    assert.throws(() => parseZoned(text, "UTC"), ScheduleError, text);
  }
  assert.ok(isZone("Europe/Berlin") && !isZone("Mars/Olympus"));
});
