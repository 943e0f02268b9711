/** Documents of an organization, and the ARNs of its parts. Times are epoch milliseconds. */
import type { KeptPolicy } from "#gateway/boundPolicy.ts";
import type { PolicyTypeName } from "./policyTypes.ts";

export interface Organization {
  id: string;
  managementAccount: string;
  featureSet: "ALL" | "CONSOLIDATED_BILLING";
  rootId: string;
  partition: string;
  createdAt: number;
  /** Policy types that are switched on in the root. */
  policyTypes: PolicyTypeName[];
}

/** Of one account: the organization it is in. Lives in that account's own scope. */
export interface Membership {
  organization: string;
  managementAccount: string;
}

export interface Unit {
  id: string;
  name: string;
  /** Root or organizational unit. */
  parent: string;
  createdAt: number;
}

export interface Member {
  account: string;
  parent: string;
  joinedMethod: "INVITED" | "CREATED";
  joinedAt: number;
  closedAt?: number;
}

export interface ControlPolicy {
  id: string;
  type: PolicyTypeName;
  name: string;
  description: string;
  content: string;
  createdAt: number;
}

/** Policies attached to a root, unit or account. A type that is absent has only the one AWS attaches by default. */
export type Attachments = Partial<Record<PolicyTypeName, string[]>>;

export interface AccountRequest {
  id: string;
  accountName: string;
  email: string;
  requestedAt: number;
  completedAt: number;
  state: "SUCCEEDED" | "FAILED";
  account?: string;
  failureReason?: "EMAIL_ALREADY_EXISTS" | "INVALID_EMAIL";
}

export interface HandshakeRecord {
  id: string;
  action: "INVITE" | "ENABLE_ALL_FEATURES" | "APPROVE_ALL_FEATURES";
  /** The request that an approval belongs to. */
  parent?: string;
  /** Account that answers. */
  account: string;
  /** What the invitation named. */
  target: { type: "ACCOUNT" | "EMAIL"; id: string };
  notes?: string;
  tags: Tag[];
  state: "OPEN" | "ACCEPTED" | "DECLINED" | "CANCELED";
  requestedAt: number;
  /** An open handshake counts as EXPIRED after this. */
  expiresAt: number;
}

export interface Tag {
  Key: string;
  Value: string;
}

/** Name of a document type → what it holds. All under the management account. */
export interface Documents {
  organization: Organization;
  /** Rises with every change: changes of one organization happen one after another. */
  revision: { revision: number };
  unit: Unit;
  member: Member;
  policy: ControlPolicy;
  /** By id of the root, unit or account. */
  attachments: Attachments;
  accountRequest: AccountRequest;
  /** By account, for as long as its closing counts. */
  closure: Record<string, never>;
  handshake: HandshakeRecord;
  /** `account/service principal`. */
  delegation: { account: string; servicePrincipal: string; enabledAt: number };
  /** By service principal. */
  serviceAccess: { enabledAt: number };
  resourcePolicy: { id: string } & KeptPolicy;
  /** By id of the tagged root, unit, account or policy. */
  tags: { tags: Tag[] };
}

export type DocumentType = keyof Documents;

type Where = Pick<Organization, "id" | "managementAccount" | "partition">;

/** Source: Service Authorization Reference, "Resource types defined by AWS Organizations". */
export const arns = {
  organization: (o: Where) => arn(o, `organization/${o.id}`),
  root: (o: Where, id: string) => arn(o, `root/${o.id}/${id}`),
  unit: (o: Where, id: string) => arn(o, `ou/${o.id}/${id}`),
  account: (o: Where, id: string) => arn(o, `account/${o.id}/${id}`),
  handshake: (o: Where, id: string, action: HandshakeRecord["action"]) =>
    arn(o, `handshake/${o.id}/${action.toLowerCase()}/${id}`),
  resourcePolicy: (o: Where, id: string) => arn(o, `resourcepolicy/${o.id}/${id}`),
  policy: (o: Where, type: PolicyTypeName, id: string) => arn(o, `policy/${o.id}/${type.toLowerCase()}/${id}`),
};

function arn(o: Where, resource: string): string {
  return `arn:${o.partition}:organizations::${o.managementAccount}:${resource}`;
}

export type TargetKind = "root" | "unit" | "account";

/** What an id stands for, by its form. Source: API Reference, the patterns of TargetId and ParentId. */
export function kindOf(id: string): TargetKind | undefined {
  if (/^r-[0-9a-z]{4,32}$/.test(id)) return "root";
  if (/^ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}$/.test(id)) return "unit";
  return /^\d{12}$/.test(id) ? "account" : undefined;
}
