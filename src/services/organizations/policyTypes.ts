/**
 * Types of organization policies that this installation enforces, and the policies AWS brings along for them.
 * What nobody here enforces (tag, backup, chat, AI opt-out, declarative policies …) is not available.
 * Sources: AWS Organizations User Guide, "Quotas and service limits", "Service control policies",
 * "Resource control policies (RCPs)".
 */
export interface PolicyTypeRow {
  /** The policy that is attached to every root, unit and account from the moment the type is switched on. */
  default: { id: string; name: string; description: string; content: string };
  /** "RCPFullAWSAccess … cannot be detached." */
  defaultStays: boolean;
  /** Fewest and most policies of the type on one target. */
  fewest: number;
  most: number;
  /** Most policies of the type in an organization. */
  inOrganization: number;
  /** Characters, white space included: only the console strips it. */
  longest: number;
  /** How documents of the type are checked. */
  grammar: "scp" | "rcp";
}

export type PolicyTypeName = "SERVICE_CONTROL_POLICY" | "RESOURCE_CONTROL_POLICY";

const fullAccess = (principal: object) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", ...principal, Action: "*", Resource: "*" }],
  });

export const policyTypes: Readonly<Record<PolicyTypeName, PolicyTypeRow>> = {
  SERVICE_CONTROL_POLICY: {
    default: {
      id: "p-FullAWSAccess",
      name: "FullAWSAccess",
      description: "Allows access to every operation",
      content: fullAccess({}),
    },
    defaultStays: false,
    fewest: 1,
    most: 5,
    inOrganization: 10_000,
    longest: 5120,
    grammar: "scp",
  },
  RESOURCE_CONTROL_POLICY: {
    default: {
      id: "p-RCPFullAWSAccess",
      name: "RCPFullAWSAccess",
      description: "Allows access to every resource",
      content: fullAccess({ Principal: "*" }),
    },
    defaultStays: true,
    fewest: 1,
    most: 5,
    inOrganization: 1000,
    longest: 5120,
    grammar: "rcp",
  },
};

export const policyTypeNames = Object.keys(policyTypes) as PolicyTypeName[];

export function isAvailable(type: string): type is PolicyTypeName {
  return type in policyTypes;
}

/** Type of a policy that AWS brings along, by its id. */
export function defaultPolicyType(id: string): PolicyTypeName | undefined {
  return policyTypeNames.find((type) => policyTypes[type].default.id === id);
}

/** `arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess`. */
export function defaultPolicyArn(partition: string, type: PolicyTypeName): string {
  return `arn:${partition}:organizations::aws:policy/${type.toLowerCase()}/${policyTypes[type].default.id}`;
}
