/** Events matched against 10,000 rules, against `JSON.parse` of the same events and against trying rule by rule. */
import { matches } from "#engines/eventPattern/evaluate.ts";
import { compilePattern, type Pattern } from "#engines/eventPattern/pattern.ts";
import { PatternIndex } from "#engines/eventPattern/patternIndex.ts";
import { print, type Row } from "./parts/row.ts";

const rules = 10_000;
const events = 100_000;

/** CPU time rather than wall time, so that the answer does not depend on what else the machine is doing. */
function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function rule(i: number): Pattern {
  const id = `i-${String(i).padStart(6, "0")}`;
  return compilePattern({
    source: ["aws.ec2"],
    "detail-type": [`kind ${i % 50}`],
    detail: { "instance-id": [i % 3 === 0 ? { prefix: id } : id], state: [{ "anything-but": "running" }] },
  });
}

function event(i: number): string {
  const detail = {
    "instance-id": `i-${String(i % rules).padStart(6, "0")}`,
    state: "stopped",
    more: { deep: [1, 2, 3] },
  };
  const head = { version: "0", id: String(i), source: "aws.ec2", "detail-type": `kind ${i % 50}`, region: "us-east-1" };
  return JSON.stringify({ ...head, account: "111122223333", resources: ["arn:aws:ec2:::instance/x"], detail });
}

export async function bench(): Promise<Row[]> {
  const patterns = Array.from({ length: rules }, (_, i) => rule(i));
  const index = new PatternIndex<number>();
  patterns.forEach((pattern, i) => index.set(i, pattern));
  const texts = Array.from({ length: events }, (_, i) => event(i));
  let parsed: unknown[] = [];
  const parsing = cpuSeconds(() => (parsed = texts.map((text): unknown => JSON.parse(text))));
  let found = 0;
  const indexed = cpuSeconds(() => parsed.forEach((each) => (found += index.match(each).size)));
  if (found !== events) throw new Error(`${found} matches, not ${events}`);
  const few = 20;
  const oneByOne = cpuSeconds(() =>
    parsed.slice(0, few).forEach((each) => patterns.forEach((pattern) => matches(pattern, each))),
  );
  const perSecond = Math.round(events / indexed);
  const detail = `${perSecond.toLocaleString("en")} events/s against ${rules.toLocaleString("en")} rules`;
  return [
    { name: "event patterns, against JSON.parse of the events", ratio: parsing / indexed, detail },
    { name: "event patterns, against trying rule by rule", ratio: ((oneByOne / few) * events) / indexed, detail },
  ];
}

if (import.meta.main) print(await bench());
