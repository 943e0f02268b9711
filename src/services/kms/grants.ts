/**
 * Which grants speak for a call, and as what: each becomes a resource policy statement beside the key policy, so
 * that an explicit deny anywhere still wins.
 * Sources: KMS Developer Guide, "Grants in AWS KMS", "Grant constraints", "Grant tokens".
 */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import type { NamedPolicy } from "#gateway/identity.ts";
import type { Principal } from "#gateway/principal.ts";
import { DecryptError } from "#keys/contract.ts";
import { fromKeyHolder, holding } from "./errors.ts";
import type { EncryptionContext } from "./sdk.ts";
import { type KeyAction, ruleOf } from "./rules.ts";
import { type GrantDocument, grantDocumentId, granteeIndex, type KeyDocument, types } from "./state.ts";

type Constraints = GrantDocument["constraints"];

/** The grant that a CreateGrant call would make, as far as a parent grant limits it. */
export interface ProposedGrant {
  operations: readonly string[];
  constraints: Constraints;
}

export interface GrantQuestion {
  action: KeyAction;
  encryptionContext?: EncryptionContext | undefined;
  proposed?: ProposedGrant;
}

/** Names under which a grant may mean this caller. */
export function principalNames(principal: Principal): string[] {
  switch (principal.kind) {
    case "anonymous":
      return [];
    case "service":
      return [principal.service];
    case "root":
      return [principal.arn];
    case "role":
      return [principal.arn, principal.roleArn, rootOf(principal)];
    default:
      return [principal.arn, rootOf(principal)];
  }
}

/** A grant to a user or role means the one that had the name when it was made, not a later one of the same name. */
function means(id: string | undefined, principal: Principal): boolean {
  if (id === undefined) return true;
  return principal.kind === "role" ? principal.roleId === id : principal.kind === "user" && principal.id === id;
}

function rootOf({ arn, account }: { arn: string; account: string }): string {
  return `arn:${arn.split(":")[1]}:iam::${account}:root`;
}

/** Statements of the grants that allow this call to this caller. Asked only for keys that have grants. */
export async function grantPolicies(
  ctx: CallContext,
  key: KeyDocument,
  question: GrantQuestion,
): Promise<NamedPolicy[]> {
  if (key.grants === 0 || !ruleOf(question.action).grantable) return [];
  const policies: NamedPolicy[] = [];
  for (const name of principalNames(ctx.principal)) {
    const value = granteeIndex(key.keyId, name);
    let after: string | undefined;
    do {
      const query = { value, limit: 200, ...(after === undefined ? {} : { after }) };
      const page = await ctx.state.find<GrantDocument>(types.grant, "grantee", query, { account: key.account });
      for (const { value: grant } of page.items) {
        if (means(grant.granteeId, ctx.principal) && allows(grant, question))
          policies.push(asPolicy(grant, key.account));
      }
      after = page.next;
    } while (after !== undefined);
  }
  return policies;
}

/**
 * A grant made by another account that may use the key carries that account's authority, so its principals need no
 * identity policy: that is how an Auto Scaling group uses a key of another account ("You must create AWS KMS grants
 * from the account that owns the Amazon EC2 Auto Scaling group, not the AWS KMS account", AWS re:Post knowledge
 * center, "kms-launch-ec2-instance"). A grant by the key's own account leaves the caller's account its say.
 */
function asPolicy(grant: GrantDocument, keyAccount: string): NamedPolicy {
  const service = !grant.granteePrincipal.startsWith("arn:");
  const issuer = grant.issuingAccount.split(":")[4]!;
  return {
    name: `grant/${grant.grantId}`,
    ...(issuer === keyAccount ? {} : { issuedBy: issuer }),
    document: JSON.stringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: service ? { Service: grant.granteePrincipal } : { AWS: grant.granteeId ?? grant.granteePrincipal },
          Action: grant.operations.map((operation) => `kms:${operation}`),
          Resource: "*",
        },
      ],
    }),
  };
}

/** Whether a grant covers an action, its constraints included. Case matters in constraints. */
export function allows(grant: Pick<GrantDocument, "operations" | "constraints">, question: GrantQuestion): boolean {
  const { action, encryptionContext, proposed } = question;
  if (!grant.operations.includes(action)) return false;
  if (action === "CreateGrant") {
    return (
      proposed !== undefined &&
      proposed.operations.every((operation) => grant.operations.includes(operation)) &&
      isAsStrict(proposed.constraints, grant.constraints)
    );
  }
  // "Grants with grant constraints can include DescribeKey and RetireGrant; the constraint doesn't apply to these."
  if (!grant.constraints || action === "DescribeKey" || action === "RetireGrant") return true;
  if (!ruleOf(action).encryptionContext) return false;
  const { EncryptionContextSubset: subset, EncryptionContextEquals: equals } = grant.constraints;
  return (!subset || contains(encryptionContext, subset)) && (!equals || same(encryptionContext, equals));
}

/** Whether everything that satisfies `child` also satisfies `parent`. */
function isAsStrict(child: Constraints, parent: Constraints): boolean {
  if (!parent) return true;
  if (!child) return false;
  if (parent.EncryptionContextEquals) {
    if (!child.EncryptionContextEquals || !same(child.EncryptionContextEquals, parent.EncryptionContextEquals))
      return false;
  }
  const subset = parent.EncryptionContextSubset;
  return !subset || contains(child.EncryptionContextEquals, subset) || contains(child.EncryptionContextSubset, subset);
}

function contains(context: EncryptionContext = {}, pairs: EncryptionContext): boolean {
  return Object.entries(pairs).every(([key, value]) => Object.hasOwn(context, key) && context[key] === value);
}

function same(context: EncryptionContext = {}, pairs: EncryptionContext): boolean {
  return Object.keys(context).length === Object.keys(pairs).length && contains(context, pairs);
}

const tokenStart = "jikimi-grant";
const tokenPurpose = "kms-grant-token";

/**
 * A token names its grant and carries a proof that only CreateGrant can make: a random value protected by the key
 * holder and bound to the grant. "All grant tokens for the same grant ID can be used interchangeably."
 */
export async function makeToken(
  ctx: CallContext,
  grant: Pick<GrantDocument, "account" | "keyId" | "grantId">,
): Promise<string> {
  const parts = [tokenStart, grant.account, grant.keyId, grant.grantId];
  const proof = await holding(ctx.keys.protect(tokenPurpose, parts.join("|"), ctx.random.bytes(16)));
  return Buffer.from([...parts, Buffer.from(proof).toString("base64url")].join("|")).toString("base64");
}

const invalidToken = (): AwsError => new AwsError("InvalidGrantTokenException", "Invalid grant token.");

/** The grant of a token. @throws InvalidGrantTokenException for a token that is not ours or whose grant is gone. */
export async function grantOfToken(ctx: CallContext, token: string): Promise<GrantDocument> {
  const parts = Buffer.from(token, "base64").toString("utf8").split("|");
  const [start, account, keyId, grantId, proof] = parts;
  if (parts.length !== 5 || start !== tokenStart || !account || !keyId || !grantId || !proof) throw invalidToken();
  try {
    await ctx.keys.reveal(tokenPurpose, parts.slice(0, 4).join("|"), Buffer.from(proof, "base64url"));
  } catch (error) {
    throw error instanceof DecryptError ? invalidToken() : fromKeyHolder(error);
  }
  const document = await ctx.state.get<GrantDocument>(types.grant, grantDocumentId(keyId, grantId), { account });
  if (!document) throw invalidToken();
  return document.value;
}

/**
 * Grants are visible at once here, so tokens add nothing to a call; but a wrong one is refused as AWS refuses it.
 */
export async function checkTokens(ctx: CallContext, tokens: readonly string[] | undefined): Promise<void> {
  for (const token of tokens ?? []) await grantOfToken(ctx, token);
}
