/**
 * Which events a trail records. Pure. Sources: CloudTrail User Guide, "Logging management events", "Logging data
 * events"; CloudTrail API Reference, EventSelector, DataResource, AdvancedFieldSelector.
 */
import type { AuditRecord } from "#gateway/auditRecord.ts";
import { invalidSelectors } from "./errors.ts";

export interface BasicSelector {
  readWriteType: "All" | "ReadOnly" | "WriteOnly";
  managementEvents: boolean;
  excludedSources: string[];
  dataResources: { type: string; values: string[] }[];
}

export interface FieldSelector {
  field: string;
  equals?: string[];
  startsWith?: string[];
  endsWith?: string[];
  notEquals?: string[];
  notStartsWith?: string[];
  notEndsWith?: string[];
}

export interface AdvancedSelector {
  name?: string;
  fields: FieldSelector[];
}

export interface Selection {
  selectors?: BasicSelector[];
  advancedSelectors?: AdvancedSelector[];
}

/** What a trail records until it is told otherwise: all management events, no data events. */
export const defaultSelector: BasicSelector = {
  readWriteType: "All",
  managementEvents: true,
  excludedSources: [],
  dataResources: [],
};

export function selects(selection: Selection, record: AuditRecord): boolean {
  if (selection.advancedSelectors) return selection.advancedSelectors.some((each) => advancedSelects(each, record));
  return (selection.selectors ?? [defaultSelector]).some((each) => basicSelects(each, record));
}

function basicSelects(selector: BasicSelector, record: AuditRecord): boolean {
  if (selector.readWriteType === "ReadOnly" && !record.readOnly) return false;
  if (selector.readWriteType === "WriteOnly" && record.readOnly) return false;
  if (record.eventCategory === "Management") {
    return selector.managementEvents && !selector.excludedSources.includes(record.eventSource);
  }
  return selector.dataResources.some(({ type, values }) =>
    (record.resources ?? []).some(
      (resource) => resource.type === type && values.some((value) => covers(type, value, resource.ARN)),
    ),
  );
}

/** `arn:aws:s3` means every object, `arn:…:bucket/` all of a bucket, `arn:…:bucket/prefix` those that begin so; likewise functions. */
function covers(type: string, value: string, arn: string): boolean {
  if (/^arn:[a-z-]+:(s3|lambda|dynamodb)$/.test(value)) return true;
  return type === "AWS::S3::Object" ? arn.startsWith(value) : arn === value;
}

function advancedSelects({ fields }: AdvancedSelector, record: AuditRecord): boolean {
  return fields.every((field) => fieldSelects(field, valuesOf(field.field, record)));
}

function valuesOf(field: string, record: AuditRecord): string[] {
  const resources = record.resources ?? [];
  switch (field) {
    case "eventCategory":
      return [record.eventCategory];
    case "readOnly":
      return [String(record.readOnly)];
    case "eventName":
      return [record.eventName];
    case "eventSource":
      return [record.eventSource];
    case "eventType":
      return [record.eventType];
    case "resources.type":
      return resources.map(({ type }) => type);
    case "resources.ARN":
      return resources.map(({ ARN }) => ARN);
    case "userIdentity.arn":
      return typeof record.userIdentity["arn"] === "string" ? [record.userIdentity["arn"]] : [];
    case "errorCode":
      return record.errorCode === undefined ? [] : [record.errorCode];
    case "sessionCredentialFromConsole":
      return record.sessionCredentialFromConsole === undefined ? [] : [record.sessionCredentialFromConsole];
    default:
      return [];
  }
}

function fieldSelects(field: FieldSelector, values: string[]): boolean {
  const some = (tests: string[] | undefined, test: (value: string, wanted: string) => boolean) =>
    tests?.some((wanted) => values.some((value) => test(value, wanted))) ?? false;
  const equal = (value: string, wanted: string) => value === wanted;
  const starts = (value: string, wanted: string) => value.startsWith(wanted);
  const ends = (value: string, wanted: string) => value.endsWith(wanted);
  if (some(field.notEquals, equal) || some(field.notStartsWith, starts) || some(field.notEndsWith, ends)) return false;
  if (!field.equals && !field.startsWith && !field.endsWith) return true;
  return some(field.equals, equal) || some(field.startsWith, starts) || some(field.endsWith, ends);
}

const knownFields = new Set([
  "eventCategory",
  "readOnly",
  "eventName",
  "eventSource",
  "eventType",
  "resources.type",
  "resources.ARN",
  "userIdentity.arn",
  "errorCode",
  "sessionCredentialFromConsole",
]);

/** Data events that this installation produces. Selecting others would record nothing, so it is refused. */
const dataTypes = new Set([
  "AWS::S3::Object",
  "AWS::Lambda::Function",
  "AWS::DynamoDB::Table",
  "AWS::S3::AccessPoint",
  "AWS::CloudTrail::Channel",
]);
const basicDataTypes = new Set(["AWS::S3::Object", "AWS::Lambda::Function", "AWS::DynamoDB::Table"]);
const excludable = new Set(["kms.amazonaws.com", "rdsdata.amazonaws.com"]);

export function checkBasic(selectors: readonly BasicSelector[]): void {
  if (selectors.length === 0 || selectors.length > 5)
    throw invalidSelectors("A trail can have 1 to 5 event selectors.");
  const resources = selectors.flatMap((selector) => selector.dataResources.flatMap(({ values }) => values));
  if (resources.length > 250)
    throw invalidSelectors("A trail can have at most 250 data resources across all event selectors.");
  for (const { dataResources, excludedSources } of selectors) {
    for (const source of excludedSources) {
      if (!excludable.has(source))
        throw invalidSelectors(`Invalid value for ExcludeManagementEventSources: ${source}.`);
    }
    for (const { type, values } of dataResources) {
      if (!basicDataTypes.has(type)) throw invalidSelectors(`The data resource type ${type} is not valid.`);
      for (const value of values) {
        if (!value.startsWith("arn:")) throw invalidSelectors(`Value ${value} for DataResources.Values is invalid.`);
      }
    }
  }
}

export function checkAdvanced(selectors: readonly AdvancedSelector[]): void {
  if (selectors.length === 0) throw invalidSelectors("At least one advanced event selector is required.");
  for (const { fields } of selectors) {
    const category = fields.filter(({ field }) => field === "eventCategory");
    const wanted = category[0]?.equals;
    if (category.length !== 1 || wanted?.length !== 1 || (wanted[0] !== "Management" && wanted[0] !== "Data")) {
      throw invalidSelectors(
        "Each advanced event selector must have exactly one eventCategory that equals Management or Data.",
      );
    }
    for (const field of fields) {
      if (!knownFields.has(field.field)) throw invalidSelectors(`The field ${field.field} is not valid.`);
      const conditions = [
        field.equals,
        field.startsWith,
        field.endsWith,
        field.notEquals,
        field.notStartsWith,
        field.notEndsWith,
      ];
      if (conditions.every((values) => values === undefined || values.length === 0)) {
        throw invalidSelectors(`The field ${field.field} must have at least one condition.`);
      }
    }
    const types = fields.find(({ field }) => field === "resources.type")?.equals;
    if (wanted[0] === "Data" && (types?.length !== 1 || !dataTypes.has(types[0]!))) {
      throw invalidSelectors("A selector of data events must have exactly one resources.type with a supported value.");
    }
    if (wanted[0] === "Management" && fields.some(({ field }) => field.startsWith("resources."))) {
      throw invalidSelectors("A selector of management events cannot name resources.");
    }
  }
}
