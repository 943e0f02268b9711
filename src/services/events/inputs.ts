/**
 * What a target is given: the event, a constant, a part of the event, or a template with parts of it.
 * Source: EventBridge User Guide, "Amazon EventBridge input transformation" (predefined variables, quoting);
 * behaviour recorded in LocalStack's `test_events_inputs.snapshot.json`.
 */
import { eventText, isoTime, type BusEvent } from "./event.ts";
import { parsePath, pick } from "./jsonPath.ts";
import { invalid, invalidParameter } from "./errors.ts";
import type { KeptTarget } from "./state.ts";

export interface InputFacts {
  event: BusEvent;
  ruleArn: string;
  ruleName: string;
  /** Epoch milliseconds. */
  ingestedAt: number;
}

/** A template that came to something that is no JSON. */
export class InvalidInput extends Error {}

const mostVariables = 100;
const longestTemplate = 8192;
const placeholder = /<([^<>\s]+)>/g;

const predefined: Readonly<Record<string, (facts: InputFacts) => unknown>> = {
  "aws.events.rule-arn": ({ ruleArn }) => ruleArn,
  "aws.events.rule-name": ({ ruleName }) => ruleName,
  "aws.events.event.ingestion-time": ({ ingestedAt }) => isoTime(ingestedAt),
  "aws.events.event": ({ event }) => withoutDetail(event),
  "aws.events.event.json": ({ event }) => JSON.parse(eventText(event)) as unknown,
};

function withoutDetail(event: BusEvent): Record<string, unknown> {
  const { version, id, source, account, time, region, resources } = event;
  return { version, id, detailType: event["detail-type"], source, account, time, region, resources };
}

/** @throws ValidationException */
export function checkInput(target: KeptTarget): void {
  const { Id = "", Input, InputPath, InputTransformer } = target;
  const given = [Input, InputPath, InputTransformer].filter((each) => each !== undefined);
  if (given.length > 1) {
    throw invalid(`Only one of Input, InputPath, or InputTransformer must be provided for target ${Id}.`);
  }
  if (Input !== undefined && !isJson(Input)) throw invalid(`JSON syntax error in input for target ${Id}`);
  if (InputPath !== undefined && !parsePath(InputPath)) throw invalid(`Invalid InputPath for target ${Id}.`);
  if (InputTransformer) checkTransformer(Id, InputTransformer);
}

function checkTransformer(id: string, { InputPathsMap = {}, InputTemplate = "" }: Transformer): void {
  const names = Object.keys(InputPathsMap);
  if (names.length > mostVariables) throw invalidParameter("InputPathsMap", "It has more than 100 variables.");
  if (InputTemplate.length > longestTemplate)
    throw invalidParameter("InputTemplate", "It is longer than 8192 characters.");
  for (const name of names) {
    // "The variable name can't start with "AWS""
    if (/^aws/i.test(name)) throw invalid(`InputPathsMap for target ${id} contains invalid variable name ${name}.`);
    if (!parsePath(InputPathsMap[name] ?? ""))
      throw invalid(`InputPathsMap for target ${id} contains invalid path ${name}.`);
  }
  for (const [, name = ""] of InputTemplate.matchAll(placeholder)) {
    if (!Object.hasOwn(InputPathsMap, name) && !Object.hasOwn(predefined, name)) {
      throw invalid(`InputTemplate for target ${id} contains invalid placeholder ${name}.`);
    }
  }
}

type Transformer = NonNullable<KeptTarget["InputTransformer"]>;

/** The text a target is given. @throws InvalidInput */
export function inputFor(target: KeptTarget, facts: InputFacts): string {
  if (target.Input !== undefined) return target.Input;
  if (target.InputPath !== undefined) return JSON.stringify(pick(facts.event, parsePath(target.InputPath)!) ?? null);
  if (target.InputTransformer) return transformed(target.InputTransformer, facts);
  return eventText(facts.event);
}

function transformed({ InputPathsMap = {}, InputTemplate = "" }: Transformer, facts: InputFacts): string {
  const asJson = /^\s*[{[]/.test(InputTemplate);
  const valueOf = (name: string): unknown =>
    Object.hasOwn(InputPathsMap, name) ? pick(facts.event, parsePath(InputPathsMap[name]!)!) : predefined[name]!(facts);
  let text = "";
  let quoted = false;
  let at = 0;
  for (const found of InputTemplate.matchAll(placeholder)) {
    const before = InputTemplate.slice(at, found.index);
    quoted = quotedAfter(before, quoted);
    text += before + shown(valueOf(found[1]!), asJson, quoted);
    at = found.index + found[0].length;
  }
  text += InputTemplate.slice(at);
  if (asJson && !isJson(text)) throw new InvalidInput("The transformed input is not valid JSON.");
  return text;
}

/** Whether the text after `part` stands inside a JSON string. */
function quotedAfter(part: string, before: boolean): boolean {
  let quoted = before;
  for (let i = 0; i < part.length; i++) {
    if (part[i] === "\\") i++;
    else if (part[i] === '"') quoted = !quoted;
  }
  return quoted;
}

/** A value that is not there is an empty text. In a text, structures lose their quotation marks. */
function shown(value: unknown, asJson: boolean, quoted: boolean): string {
  if (typeof value === "string" || value === undefined) {
    const text = JSON.stringify(value ?? "");
    return asJson && !quoted ? text : quoted ? text.slice(1, -1) : (value ?? "");
  }
  const text = JSON.stringify(value);
  return quoted ? text.replaceAll('"', "") : text;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
