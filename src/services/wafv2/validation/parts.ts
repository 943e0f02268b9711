/** Small rules that many parts of a web ACL share. */
import type { ParameterExceptionField } from "@aws-sdk/client-wafv2";
import { invalidParameter, reasons } from "../errors.ts";

/** The one member of a union that is set. @throws WAFInvalidParameterException for none or several */
export function onlyOne<T extends object>(
  value: T | undefined,
  field: ParameterExceptionField,
  parameter: string,
): keyof T & string {
  const set = Object.entries(value ?? {}).filter(([, each]) => each !== undefined);
  if (set.length !== 1) throw invalidParameter(field, parameter, reasons.exactlyOne);
  return set[0]![0] as keyof T & string;
}

/** @throws WAFInvalidParameterException */
export function need(
  condition: boolean,
  field: ParameterExceptionField,
  parameter: string,
  reason: string = reasons.formatting,
): void {
  if (!condition) throw invalidParameter(field, parameter, reason);
}

export const distinct = (values: readonly unknown[]): boolean => new Set(values).size === values.length;
