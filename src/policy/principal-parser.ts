/**
 * Reads the Principal element. "You cannot use a wildcard to match part of a principal name or ARN": `*` stands
 * alone or not at all. Source: IAM User Guide, "AWS JSON policy elements: Principal".
 */
import type { ParsedPrincipal } from "./document.ts";
import type { PrincipalEntry } from "./principal-element.ts";

/** The message is IAM's for trust policies: `Invalid principal in policy: "AWS":"…"`. */
export class InvalidPrincipal extends Error {
  constructor(type: string, value?: string) {
    super(
      type === "Federated"
        ? "Federated principals must be valid domain names or SAML metadata ARNs"
        : `Invalid principal in policy: "${value === undefined || type === "AWS" ? type : type.toUpperCase()}"` +
            (value === undefined ? "" : `:"${value}"`),
    );
    this.name = "InvalidPrincipal";
  }
}

const types: Readonly<Record<string, (value: string) => PrincipalEntry | undefined>> = {
  AWS: awsEntry,
  Service: (name) => (/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(name) ? { type: "service", name } : undefined),
  Federated: federatedEntry,
  CanonicalUser: (name) => (/^[0-9a-f]{64}$/.test(name) ? { type: "canonicalUser", name } : undefined),
};

/** @throws InvalidPrincipal */
export function parsePrincipal(raw: unknown): ParsedPrincipal {
  if (raw === "*") return { entries: [{ type: "everyone" }], source: ["*"] };
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw new InvalidPrincipal(typeof raw === "string" ? raw : JSON.stringify(raw));
  }
  const entries: PrincipalEntry[] = [];
  const source: string[] = [];
  for (const [type, value] of Object.entries(raw)) {
    const read = Object.hasOwn(types, type) ? types[type] : undefined;
    if (read === undefined) throw new InvalidPrincipal(type);
    for (const name of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof name !== "string") throw new InvalidPrincipal(type);
      const entry = read(name);
      if (entry === undefined) throw new InvalidPrincipal(type, name);
      entries.push(entry);
      source.push(`${type}: ${name}`);
    }
  }
  return { entries, source };
}

const rootArn = /^arn:[a-z-]+:iam::(\d{12}):root$/;
const entityArn = /^arn:[a-z-]+:iam::(\d{12}|cloudfront):(user|role)\/[^*?]+$/;
const sessionArn = /^arn:[a-z-]+:sts::\d{12}:(assumed-role\/[^/*?]+\/[^/*?]+|federated-user\/[^*?]+)$/;
/** What an ARN turns into when its user or role is deleted: `AIDA…`, `AROA…`, also with a session name. */
const uniqueId = /^A[A-Z0-9]{15,127}(:[\w+=,.@-]{2,64})?$/;

function awsEntry(name: string): PrincipalEntry | undefined {
  if (name === "*") return { type: "everyone" };
  if (/^\d{12}$/.test(name)) return { type: "account", account: name };
  const root = rootArn.exec(name);
  if (root !== null) return { type: "account", account: root[1]! };
  return entityArn.test(name) || sessionArn.test(name) || uniqueId.test(name) ? { type: "aws", name } : undefined;
}

const providerArn = /^arn:[a-z-]+:iam::\d{12}:(saml-provider|oidc-provider)\/[^*?]+$/;

function federatedEntry(name: string): PrincipalEntry | undefined {
  const known = providerArn.test(name) || /^[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+$/.test(name);
  return known ? { type: "federated", name } : undefined;
}
