/**
 * LabelMatchStatement: of labels that rules before this one added.
 * LABEL: the name, with any number of the namespaces before it. NAMESPACE: consecutive namespaces.
 * Source: AWS WAF API Reference, LabelMatchStatement; Developer Guide, "Label match rule statement".
 */
import type { LabelMatchStatement } from "@aws-sdk/client-wafv2";
import type { Check } from "../evaluation.ts";

export function labelMatch({ Scope, Key }: LabelMatchStatement): Check {
  if (Scope === "LABEL") {
    const tail = `:${Key}`;
    return ({ labels }) => labels.some((label) => label === Key || label.endsWith(tail));
  }
  const namespaces = Key!.endsWith(":") ? Key! : `${Key}:`;
  const inside = `:${namespaces}`;
  return ({ labels }) => labels.some((label) => label.startsWith(namespaces) || label.includes(inside));
}
