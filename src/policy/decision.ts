/** What the evaluation of a request asks and answers. */
import type { ContextEntries } from "./context.ts";
import type { NamedPolicy } from "./document.ts";
import type { Principal } from "./principal.ts";

/** As AWS's messages name them, plus the trust policy, which is the resource-based policy of a role. */
export type PolicyType =
  | "identity-based policy"
  | "resource-based policy"
  | "role trust policy"
  | "permissions boundary"
  | "session policy"
  | "service control policy"
  | "resource control policy"
  | "VPC endpoint policy";

/**
 * How the resource's policy and the caller's policies go together within one account:
 * - `either`: one of the two suffices (S3, SQS, SNS, Secrets Manager, Lambda …);
 * - `delegated`: the resource's policy must name the caller, or delegate to the account, whose identity-based
 *   policies then decide (KMS keys, role trust);
 * - `identityOnly`: the resource has no policy of its own.
 */
export type Trust = "either" | "delegated" | "identityOnly";

export interface PolicySet {
  /** Of the user and its groups, or of the role. */
  identity?: readonly NamedPolicy[];
  /** Undefined when none is set. */
  boundary?: NamedPolicy;
  /** Passed when the session was opened; undefined or empty when none was. */
  session?: readonly NamedPolicy[];
  /**
   * From the organization's root to the principal's account, the policies attached at each level. Left out for the
   * management account and outside organizations.
   */
  scps?: readonly (readonly NamedPolicy[])[];
  /** The same for the account of the resource. */
  rcps?: readonly (readonly NamedPolicy[])[];
  /** Attached to the resource. */
  resource?: readonly NamedPolicy[];
  /** Of the VPC endpoint the request came through; undefined when it came through none. */
  vpcEndpoint?: readonly NamedPolicy[];
}

export interface EvaluationRequest {
  principal: Principal;
  /** `s3:GetObject`; case does not matter. */
  action: string;
  /** ARN, or `*` for actions without resource. */
  resource: string;
  /** The account that owns the resource; the caller's own for actions without resource. */
  resourceAccount: string;
  trust: Trust;
  /** Keys that follow from the principal need not be given, and cannot be overridden. */
  context: ContextEntries;
  policies: PolicySet;
}

/** Where a decision was made. */
export interface Deciding {
  type: PolicyType;
  /** Undefined when nothing in policies of that type spoke: an implicit deny. */
  policy?: { name: string; arn?: string };
  /** Index from 0, and Sid where the statement has one. */
  statement?: { index: number; sid?: string };
}

export interface Decision {
  effect: "Allow" | "Deny";
  /**
   * `error` is a Deny: a policy could not be read or a condition could not be evaluated.
   */
  reason: "allow" | "explicitDeny" | "implicitDeny" | "error";
  /** Undefined only for what the root user does in its own account, which needs no policy. */
  deciding?: Deciding;
  /** With reason `error`: what could not be evaluated. */
  error?: string;
  /** What was asked; explanations are worked out from it when somebody wants them. */
  request: EvaluationRequest;
}

export type { ContextEntries, ContextValue } from "./context.ts";
