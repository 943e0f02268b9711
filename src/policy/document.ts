/** The types of policy documents: as read from JSON, and as compiled for evaluation. */
import type { ActionElement } from "./action.ts";
import type { Condition } from "./conditions.ts";
import type { Span } from "./json.ts";
import type { PrincipalElement, PrincipalEntry } from "./principal-element.ts";
import type { ResourceElement } from "./resource.ts";

/**
 * - `identity`: managed and inline policies of users, groups and roles; `boundary`; `session`;
 * - `resource`: bucket, queue, topic, secret and VPC endpoint policies; `key`: KMS key policies; `trust`: role trust;
 * - `scp`, `rcp`: service and resource control policies of AWS Organizations.
 */
export type PolicyKind = "identity" | "boundary" | "session" | "resource" | "key" | "trust" | "scp" | "rcp";

export type Version = "2008-10-17" | "2012-10-17";

/** One statement as read, every list normalized to an array. An element that is absent is undefined. */
export interface RawStatement {
  sid: string | undefined;
  /** As written; the classic parser tells `allow` from `Allow` only in its second pass. */
  effect: string;
  action: readonly string[] | undefined;
  notAction: readonly string[] | undefined;
  resource: readonly string[] | undefined;
  notResource: readonly string[] | undefined;
  /** Unchecked JSON. */
  principal: unknown;
  notPrincipal: unknown;
  conditions: readonly RawCondition[];
  span: Span;
}

export interface RawCondition {
  operator: string;
  key: string;
  values: readonly string[];
}

export interface RawDocument {
  version: string | undefined;
  id: string | undefined;
  statements: readonly RawStatement[];
  /** Statement was one object rather than a list; the simulator counts its columns differently. */
  single: boolean;
}

export interface ParsedPrincipal {
  entries: readonly PrincipalEntry[];
  source: readonly string[];
}

export interface Statement {
  /** From 0, in document order. */
  readonly index: number;
  readonly sid: string | undefined;
  readonly effect: "Allow" | "Deny";
  readonly action: ActionElement;
  /** Undefined in trust policies: the resource is the role itself. */
  readonly resource: ResourceElement | undefined;
  /** Undefined where the principal is whoever the policy is attached to. */
  readonly principal: PrincipalElement | undefined;
  readonly conditions: readonly Condition[];
  readonly span: Span;
}

export interface Policy {
  readonly kind: PolicyKind;
  readonly version: Version;
  readonly id: string | undefined;
  readonly text: string;
  readonly single: boolean;
  readonly statements: readonly Statement[];
  /**
   * Why the document could not be read. INVARIANT: a broken policy refuses every request it applies to, since
   * nobody can say what it would have denied.
   */
  readonly broken: string | undefined;
  /** Statements that can match an action of a service, by lower-case prefix; `otherwise` for services not named. */
  readonly byService: ReadonlyMap<string, readonly Statement[]>;
  readonly otherwise: readonly Statement[];
}

/** A policy and what it is called where it is attached. */
export interface NamedPolicy {
  /** `AdministratorAccess`, an inline policy's name, a bucket's name … */
  readonly name: string;
  readonly arn?: string;
  readonly policy: Policy;
  /** Account that attached it to a resource of another account; its own principals need no identity policy then. */
  readonly issuedBy?: string;
}
