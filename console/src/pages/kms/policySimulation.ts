/**
 * What IAM's simulator says of a key policy, read as KMS reads one: nothing is allowed unless the key policy names the
 * caller, or leaves the decision to the account's IAM. The simulator itself joins policies of resource and identity, so
 * the key policy is asked once more with the caller in the place of the account.
 * Source: KMS Developer Guide, "Key policies in AWS KMS", "Default key policy".
 */
export const simulatedActions = [
  "kms:Encrypt",
  "kms:Decrypt",
  "kms:GenerateDataKey",
  "kms:DescribeKey",
  "kms:PutKeyPolicy",
  "kms:CreateGrant",
  "kms:ScheduleKeyDeletion",
] as const;

/** How IAM is asked; nothing of a browser, so that a test holds it against KMS. */
// oxlint-disable-next-line typescript/no-explicit-any
type Ask = (service: string, operation: string, input?: Input) => Promise<any>;
type Input = Record<string, unknown>;

type Decision = "allowed" | "explicitDeny" | "implicitDeny";

export interface Simulated {
  action: string;
  decision: Decision;
  /** What the key policy says by itself. */
  byKey: "denies" | "names" | "handsOver" | "silent";
  /** What the policies of the user say by themselves. */
  byIdentity: Decision;
}

export interface Simulation {
  userArn: string;
  keyArn: string;
  policy: string;
}

/** @throws ApiError where a policy is none, or the simulator may not be asked */
export async function simulateKeyPolicy(api: Ask, { userArn, keyArn, policy }: Simulation): Promise<Simulated[]> {
  const account = keyArn.split(":")[4]!;
  const common = { ActionNames: [...simulatedActions], ResourceArns: [keyArn], CallerArn: userArn };
  const alone = { ...common, PolicyInputList: [nothing] };
  const ofPrincipal = (input: Input) => api("iam", "SimulatePrincipalPolicy", input);
  const ofPolicies = (input: Input) => api("iam", "SimulateCustomPolicy", input);
  const [both, identity, named, handed] = await Promise.all([
    decisions(ofPrincipal, { ...common, PolicySourceArn: userArn, ResourcePolicy: policy }),
    decisions(ofPrincipal, { ...common, PolicySourceArn: userArn }),
    decisions(ofPolicies, { ...alone, ResourcePolicy: policy }),
    decisions(ofPolicies, { ...alone, ResourcePolicy: withCaller(policy, account, userArn) }),
  ]);
  return simulatedActions.map((action, index): Simulated => {
    const byIdentity = identity[index]!;
    const byKey =
      named[index] === "explicitDeny"
        ? "denies"
        : named[index] === "allowed"
          ? "names"
          : handed[index] === "allowed"
            ? "handsOver"
            : "silent";
    const decision =
      both[index] === "explicitDeny"
        ? "explicitDeny"
        : both[index] === "allowed" && byKey !== "silent"
          ? "allowed"
          : "implicitDeny";
    return { action, decision, byKey, byIdentity };
  });
}

/** A policy about something else: the simulator wants one. */
const nothing = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Action: "sts:GetCallerIdentity", Resource: "*" },
});

// oxlint-disable-next-line typescript/no-explicit-any
async function decisions(ask: (input: Input) => Promise<any>, input: Input): Promise<Decision[]> {
  const { EvaluationResults } = await ask(input);
  const results = EvaluationResults as { EvalActionName: string; EvalDecision: Decision }[];
  return simulatedActions.map(
    (action) => results.find(({ EvalActionName }) => EvalActionName === action)?.EvalDecision ?? "implicitDeny",
  );
}

/** The policy with the caller wherever an allowing statement names the account. */
export function withCaller(policy: string, account: string, caller: string): string {
  const document = JSON.parse(policy) as { Statement?: unknown };
  const statements = Array.isArray(document.Statement) ? document.Statement : [document.Statement];
  const isAccount = (name: unknown) => name === account || name === `arn:aws:iam::${account}:root`;
  const meant = statements.map((statement: { Effect?: string; Principal?: { AWS?: string | string[] } }) => {
    const names = statement?.Principal?.AWS;
    if (statement?.Effect !== "Allow" || names === undefined) return statement;
    const list = Array.isArray(names) ? names : [names];
    return {
      ...statement,
      Principal: { ...statement.Principal, AWS: list.map((name) => (isAccount(name) ? caller : name)) },
    };
  });
  return JSON.stringify({ ...document, Statement: meant });
}
