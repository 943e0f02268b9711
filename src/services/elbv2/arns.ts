/** ARNs of load balancing, and what they say. Source: Elastic Load Balancing API Reference; Service Authorization Reference. */
import { parseArn } from "#kernel/arn.ts";
import type { CallContext } from "#gateway/context.ts";
import { hexId } from "#kernel/ids.ts";

type Place = Pick<CallContext, "partition" | "region" | "account">;

const base = ({ partition, region, account }: Place): string =>
  `arn:${partition}:elasticloadbalancing:${region}:${account}`;

const newPart = (ctx: Pick<CallContext, "random">): string => hexId("", 16, ctx.random);

export const newLoadBalancerArn = (ctx: CallContext, name: string): string =>
  `${base(ctx)}:loadbalancer/app/${name}/${newPart(ctx)}`;
export const newTargetGroupArn = (ctx: CallContext, name: string): string =>
  `${base(ctx)}:targetgroup/${name}/${newPart(ctx)}`;
export const newListenerArn = (ctx: CallContext, loadBalancer: string): string =>
  `${loadBalancer.replace(":loadbalancer/", ":listener/")}/${newPart(ctx)}`;
export const newRuleArn = (ctx: CallContext, listener: string): string =>
  `${listener.replace(":listener/", ":listener-rule/")}/${newPart(ctx)}`;

export type ArnKind = "loadbalancer" | "targetgroup" | "listener" | "listener-rule";

export interface Named {
  kind: ArnKind;
  account: string;
  region: string;
  /** Behind the kind. */
  path: string;
}

const forms: Readonly<Record<ArnKind, RegExp>> = {
  loadbalancer: /^(app|net|gwy)\/[^/]+\/[0-9a-f]+$/,
  targetgroup: /^[^/]+\/[0-9a-f]+$/,
  listener: /^(app|net|gwy)\/[^/]+\/[0-9a-f]+\/[0-9a-f]+$/,
  "listener-rule": /^(app|net)\/[^/]+\/[0-9a-f]+\/[0-9a-f]+\/[0-9a-f]+$/,
};

/** `undefined` when it is no ARN of load balancing. */
export function readArn(arn: string): Named | undefined {
  const parsed = parseArn(arn);
  if (parsed?.service !== "elasticloadbalancing") return undefined;
  const slash = parsed.resource.indexOf("/");
  const kind = parsed.resource.slice(0, slash);
  const path = parsed.resource.slice(slash + 1);
  if (!Object.hasOwn(forms, kind) || !forms[kind as ArnKind].test(path)) return undefined;
  return { kind: kind as ArnKind, account: parsed.account, region: parsed.region, path };
}

/** `app/my-load-balancer/50dc6c495c0c9188`, `targetgroup/my-targets/73e2d6bc24d8a067`: as metrics and logs say. */
export function metricName(arn: string): string {
  return parseArn(arn)!.resource.replace(/^loadbalancer\//, "");
}

/** Id of the document behind an ARN. */
export function documentId({ kind, path }: Named): string {
  const parts = path.split("/");
  if (kind === "loadbalancer") return parts[1]!;
  if (kind === "targetgroup") return parts[0]!;
  return parts.slice(0, 4).join("/");
}

/** ARN of the listener of a rule. */
export const listenerOfRule = (arn: string): string =>
  arn.replace(":listener-rule/", ":listener/").slice(0, arn.replace(":listener-rule/", ":listener/").lastIndexOf("/"));
