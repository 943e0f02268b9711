/** An instance with WAF for the tests of one file, and inputs with good defaults. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import {
  type Rule,
  type Statement,
  type VisibilityConfig,
  WAFV2,
  type WAFV2ServiceException,
} from "@aws-sdk/client-wafv2";
import { type Instance, startInstance } from "../instance.ts";

export let instance: Instance;
export let waf: WAFV2;
before(async () => {
  instance = await startInstance();
  waf = new WAFV2(instance.client);
});
after(() => instance?.stop());

export const visibility = (MetricName: string): VisibilityConfig => ({
  MetricName,
  SampledRequestsEnabled: true,
  CloudWatchMetricsEnabled: true,
});

export const none = [{ Priority: 0, Type: "NONE" as const }];

export const bytes = (text: string): Statement => ({
  ByteMatchStatement: {
    SearchString: new TextEncoder().encode(text),
    FieldToMatch: { UriPath: {} },
    TextTransformations: none,
    PositionalConstraint: "CONTAINS",
  },
});

export const rule = (Name: string, Priority: number, Statement: Statement, more: Partial<Rule> = {}): Rule => ({
  Name,
  Priority,
  Statement,
  Action: { Block: {} },
  VisibilityConfig: visibility(Name),
  ...more,
});

let names = 0;
export const fresh = (prefix: string): string => `${prefix}-${++names}`;

export const webAclInput = (Rules: Rule[], more: object = {}) => ({
  Name: fresh("acl"),
  Scope: "REGIONAL" as const,
  DefaultAction: { Allow: {} },
  VisibilityConfig: visibility("acl"),
  Rules,
  ...more,
});

export interface Refusal {
  code: string;
  field?: string;
  message?: RegExp;
}

export const refused =
  ({ code, field, message }: Refusal) =>
  (error: WAFV2ServiceException & { Field?: string; Reason?: string; Parameter?: string }) => {
    assert.equal(error.name, code, error.message);
    if (field !== undefined) {
      assert.equal(error.Field, field);
      assert.ok(error.Reason !== undefined && error.Parameter !== undefined);
      assert.match(error.message, /^Error reason: .*, field: [A-Z_]+, parameter: /s);
    }
    if (message) assert.match(error.message, message);
    return true;
  };

export async function newIpSet(Addresses = ["192.0.2.0/24"]) {
  const Name = fresh("ips");
  const { Summary } = await waf.createIPSet({ Name, Scope: "REGIONAL", IPAddressVersion: "IPV4", Addresses });
  return { Name, Scope: "REGIONAL" as const, Id: Summary!.Id!, ARN: Summary!.ARN!, LockToken: Summary!.LockToken! };
}
