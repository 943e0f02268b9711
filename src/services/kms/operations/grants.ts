import { bindPrincipal, UnknownPrincipal } from "#gateway/boundPolicy.ts";
import type { CallContext } from "#gateway/context.ts";
import { accountOf } from "#gateway/principal.ts";
import type { NamedPolicy } from "#gateway/identity.ts";
import type { AwsError } from "#kernel/errors.ts";
import { accessTo, keyAccess, plainAccess } from "../access.ts";
import { dryRun, invalidArn, limitExceeded, notFound, validation } from "../errors.ts";
import { checkTokens, grantOfToken, makeToken } from "../grants.ts";
import { foreignDenied, identify, viaService } from "../identify.ts";
import { pageFields, pagingOf } from "../paging.ts";
import { requireState } from "../rules.ts";
import type { In, KmsAccess, KmsHandlers } from "../sdk.ts";
import { grantOperationsOf } from "../specs.ts";
import {
  type GrantDocument,
  grantDocumentId,
  granteeIndex,
  type KeyDocument,
  readKey,
  type RetirableDocument,
  types,
  writeKey,
} from "../state.ts";

/** Grants of one key: KMS Developer Guide, "Resource quotas". */
const maxGrants = 50_000;
const paging = { limit: 50, max: 100 };
const principalArn =
  /^arn:[\w-]+:(?:iam|sts)::\d{12}:(?:root|user\/.+|role\/.+|federated-user\/.+|assumed-role\/[^/]+\/.+)$/;
const serviceName = /^[a-z0-9.-]+\.amazonaws\.com$/;

const invalidPrincipal = (principal: string): AwsError =>
  invalidArn(`ARN does not refer to a valid principal: ${principal}`);

/** @throws InvalidArnException. Services are named only in grants that they make themselves. */
function checkPrincipal(ctx: CallContext, principal: string): void {
  if (principalArn.test(principal)) return;
  if (serviceName.test(principal) && viaService(ctx) !== undefined) return;
  throw invalidPrincipal(principal);
}

/** The unique id of the user or role that a new grant names. @throws InvalidArnException when there is none */
async function idOf(ctx: CallContext, principal: string): Promise<string | undefined> {
  try {
    return await bindPrincipal(ctx.identity, principal);
  } catch (error) {
    throw error instanceof UnknownPrincipal ? invalidPrincipal(principal) : error;
  }
}

function checkGrant(key: KeyDocument, input: In<"CreateGrant">): void {
  const operations = input.Operations ?? [];
  if (operations.length === 0) throw validation("Operations must name at least one operation.");
  const grantOperations = grantOperationsOf(key);
  const wrong = operations.filter((operation) => !grantOperations.includes(operation));
  if (wrong.length > 0) throw validation(`Operations ${wrong.join(", ")} are not supported on key spec ${key.spec}.`);
  const constraints = input.Constraints;
  if (!constraints) return;
  const pairs = [constraints.EncryptionContextEquals, constraints.EncryptionContextSubset];
  if (pairs.every((context) => context === undefined)) throw validation("Constraints must not be empty.");
  if (key.spec !== "SYMMETRIC_DEFAULT")
    throw validation("Encryption context constraints need a symmetric encryption key.");
  for (const context of pairs) {
    if (!context) continue;
    const entries = Object.entries(context);
    if (entries.length > 8 || entries.some(([name, value]) => name.length + value.length > 384)) {
      throw limitExceeded("A constraint has at most 8 pairs of at most 384 characters.");
    }
  }
}

async function createGrant(input: In<"CreateGrant">, ctx: CallContext) {
  const { key } = await identify(ctx, "CreateGrant", input.KeyId ?? "");
  requireState(key, "CreateGrant");
  checkPrincipal(ctx, input.GranteePrincipal ?? "");
  if (input.RetiringPrincipal !== undefined) checkPrincipal(ctx, input.RetiringPrincipal);
  checkGrant(key, input);
  const granteeId = await idOf(ctx, input.GranteePrincipal!);
  const retiringId = input.RetiringPrincipal === undefined ? undefined : await idOf(ctx, input.RetiringPrincipal);
  await checkTokens(ctx, input.GrantTokens);
  const same = await existing(ctx, key, input, granteeId);
  if (input.DryRun) throw dryRun();
  // The same request again: the same grant, with a token of its own.
  if (same) return { GrantId: same.grantId, GrantToken: await makeToken(ctx, same) };
  if (key.grants >= maxGrants) throw limitExceeded(`A KMS key can have at most ${maxGrants} grants.`);
  const grantId = await ctx.once("grant id", async () => ctx.random.bytes(32).toString("hex"));
  const grant: GrantDocument = {
    grantId,
    keyId: key.keyId,
    keyArn: key.arn,
    account: key.account,
    ...(input.Name === undefined ? {} : { name: input.Name }),
    createdAt: ctx.now,
    granteePrincipal: input.GranteePrincipal!,
    ...(granteeId === undefined ? {} : { granteeId }),
    ...(input.RetiringPrincipal === undefined ? {} : { retiringPrincipal: input.RetiringPrincipal }),
    ...(retiringId === undefined ? {} : { retiringId }),
    issuingAccount: `arn:${ctx.partition}:iam::${accountOf(ctx.principal) ?? ctx.account}:root`,
    operations: [...new Set<string>(input.Operations)].sort(),
    ...(input.Constraints ? { constraints: input.Constraints as NonNullable<GrantDocument["constraints"]> } : {}),
  };
  put(ctx, grant);
  writeKey(ctx, { ...key, grants: key.grants + 1 });
  const retiring = retiringAccount(grant);
  if (retiring !== undefined) {
    const pointer: RetirableDocument = { grantId, keyId: key.keyId, account: key.account };
    ctx.state.put(types.retirable, grantId, pointer, {
      indexes: { principal: grant.retiringPrincipal! },
      at: { account: retiring },
    });
  }
  return { GrantId: grantId, GrantToken: await makeToken(ctx, grant) };
}

function put(ctx: CallContext, grant: GrantDocument): void {
  ctx.state.put(types.grant, grantDocumentId(grant.keyId, grant.grantId), grant, {
    indexes: { grantee: granteeIndex(grant.keyId, grant.granteePrincipal) },
    at: { account: grant.account },
  });
}

/** The grant of an earlier, identical request with the same name. */
async function existing(
  ctx: CallContext,
  key: KeyDocument,
  input: In<"CreateGrant">,
  granteeId: string | undefined,
): Promise<GrantDocument | undefined> {
  if (input.Name === undefined || key.grants === 0) return undefined;
  const wanted = identityOf({
    name: input.Name,
    granteePrincipal: input.GranteePrincipal!,
    retiringPrincipal: input.RetiringPrincipal,
    operations: [...new Set<string>(input.Operations)].sort(),
    constraints: input.Constraints,
  });
  for await (const grant of grantsOf(ctx, key, input.GranteePrincipal)) {
    if (identityOf(grant) === wanted && grant.granteeId === granteeId) return grant;
  }
  return undefined;
}

function identityOf(grant: {
  name?: string | undefined;
  granteePrincipal: string;
  retiringPrincipal?: string | undefined;
  operations: readonly string[];
  constraints?: unknown;
}): string {
  const constraints = (grant.constraints ?? {}) as Record<string, Record<string, string> | undefined>;
  const pairs = ["EncryptionContextEquals", "EncryptionContextSubset"].map((kind) =>
    Object.entries(constraints[kind] ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  return JSON.stringify([grant.name, grant.granteePrincipal, grant.retiringPrincipal ?? null, grant.operations, pairs]);
}

async function* grantsOf(
  ctx: CallContext,
  key: KeyDocument,
  grantee: string | undefined,
): AsyncGenerator<GrantDocument> {
  let after: string | undefined;
  do {
    const query = { limit: 200, ...(after === undefined ? {} : { after }) };
    const at = { account: key.account };
    const page =
      grantee === undefined
        ? await ctx.state.list<GrantDocument>(types.grant, { ...query, prefix: `${key.keyId}/` }, at)
        : await ctx.state.find<GrantDocument>(
            types.grant,
            "grantee",
            { ...query, value: granteeIndex(key.keyId, grantee) },
            at,
          );
    for (const { value } of page.items) yield value;
    after = page.next;
  } while (after !== undefined);
}

async function listGrants(input: In<"ListGrants">, ctx: CallContext) {
  const { key } = await identify(ctx, "ListGrants", input.KeyId ?? "");
  const wanted = pagingOf(input, paging);
  const at = { account: key.account };
  if (input.GrantId !== undefined) {
    const document = await ctx.state.get<GrantDocument>(types.grant, grantDocumentId(key.keyId, input.GrantId), at);
    if (!document) throw grantNotFound(input.GrantId);
    const matches = input.GranteePrincipal === undefined || document.value.granteePrincipal === input.GranteePrincipal;
    return { Grants: matches ? [entry(document.value)] : [], Truncated: false };
  }
  const page =
    input.GranteePrincipal === undefined
      ? await ctx.state.list<GrantDocument>(types.grant, { ...wanted, prefix: `${key.keyId}/` }, at)
      : await ctx.state.find<GrantDocument>(
          types.grant,
          "grantee",
          { ...wanted, value: granteeIndex(key.keyId, input.GranteePrincipal) },
          at,
        );
  return { Grants: page.items.map(({ value }) => entry(value)), ...pageFields(page) };
}

async function listRetirableGrants(input: In<"ListRetirableGrants">, ctx: CallContext) {
  const principal = input.RetiringPrincipal ?? "";
  checkPrincipal(ctx, principal);
  const query = { ...pagingOf(input, paging), value: principal };
  const page = await ctx.state.find<RetirableDocument>(types.retirable, "principal", query);
  const grants = await Promise.all(
    page.items.map(({ value }) =>
      ctx.state.get<GrantDocument>(types.grant, grantDocumentId(value.keyId, value.grantId), {
        account: value.account,
      }),
    ),
  );
  return { Grants: grants.flatMap((grant) => (grant ? [entry(grant.value)] : [])), ...pageFields(page) };
}

function entry(grant: GrantDocument) {
  return {
    KeyId: grant.keyArn,
    GrantId: grant.grantId,
    Name: grant.name ?? "",
    CreationDate: new Date(grant.createdAt),
    GranteePrincipal: grant.granteePrincipal,
    ...(grant.retiringPrincipal === undefined ? {} : { RetiringPrincipal: grant.retiringPrincipal }),
    IssuingAccount: grant.issuingAccount,
    Operations: grant.operations as In<"CreateGrant">["Operations"],
    ...(grant.constraints ? { Constraints: grant.constraints } : {}),
  };
}

async function revokeGrant(input: In<"RevokeGrant">, ctx: CallContext) {
  const { key } = await identify(ctx, "RevokeGrant", input.KeyId ?? "");
  const grantId = input.GrantId ?? "";
  const id = grantDocumentId(key.keyId, grantId);
  const document = await ctx.state.get<GrantDocument>(types.grant, id, { account: key.account });
  if (!document) throw grantNotFound(grantId);
  if (input.DryRun) throw dryRun();
  remove(ctx, key, document.value);
  return {};
}

/** The grant that a RetireGrant call means. @throws ValidationException, InvalidGrantTokenException, NotFoundException */
async function retiring(input: In<"RetireGrant">, ctx: CallContext): Promise<GrantDocument> {
  if (input.GrantToken !== undefined) {
    if (input.KeyId !== undefined || input.GrantId !== undefined) {
      throw validation("Specify either a grant token, or a grant ID and a key ARN.");
    }
    return grantOfToken(ctx, input.GrantToken);
  }
  if (input.KeyId === undefined || input.GrantId === undefined) {
    throw validation("Specify either a grant token, or a grant ID and a key ARN.");
  }
  const { key } = await identify(ctx, "RetireGrant", input.KeyId);
  const id = grantDocumentId(key.keyId, input.GrantId);
  const document = await ctx.state.get<GrantDocument>(types.grant, id, { account: key.account });
  // INVARIANT: to another account an absent grant looks like an absent key.
  if (!document)
    throw key.account === ctx.account ? grantNotFound(input.GrantId) : foreignDenied(ctx, "RetireGrant", key.arn);
  return document.value;
}

async function keyOfGrant(ctx: CallContext, grant: GrantDocument): Promise<KeyDocument> {
  const at = grant.account === ctx.account ? undefined : { account: grant.account };
  const document = await readKey(ctx, grant.keyId, at);
  if (!document) throw notFound(`Key '${grant.keyArn}' does not exist`);
  return document.value;
}

async function retireGrant(input: In<"RetireGrant">, ctx: CallContext) {
  const grant = await retiring(input, ctx);
  if (input.DryRun) throw dryRun();
  remove(ctx, await keyOfGrant(ctx, grant), grant);
  return {};
}

function remove(ctx: CallContext, key: KeyDocument, grant: GrantDocument): void {
  ctx.state.delete(types.grant, grantDocumentId(grant.keyId, grant.grantId), { at: { account: grant.account } });
  writeKey(ctx, { ...key, grants: Math.max(0, key.grants - 1) });
  const account = retiringAccount(grant);
  if (account !== undefined) ctx.state.delete(types.retirable, grant.grantId, { at: { account } });
}

export function retiringAccount(grant: GrantDocument): string | undefined {
  return grant.retiringPrincipal?.startsWith("arn:") ? grant.retiringPrincipal.split(":")[4] : undefined;
}

const grantNotFound = (grantId: string): AwsError => notFound(`Grant ID ${grantId} not found`);

export const grantHandlers = {
  CreateGrant: createGrant,
  ListGrants: listGrants,
  ListRetirableGrants: listRetirableGrants,
  RevokeGrant: revokeGrant,
  RetireGrant: retireGrant,
} satisfies KmsHandlers;

const forAwsResource = (ctx: CallContext) => ({ "kms:GrantIsForAWSResource": String(viaService(ctx) !== undefined) });

function createGrantKeys(input: In<"CreateGrant">, ctx: CallContext): Record<string, string | readonly string[]> {
  const { EncryptionContextEquals: equals, EncryptionContextSubset: subset } = input.Constraints ?? {};
  const constraint = equals ? "EncryptionContextEquals" : subset ? "EncryptionContextSubset" : undefined;
  return {
    ...forAwsResource(ctx),
    "kms:GrantOperations": [...(input.Operations ?? [])],
    "kms:GranteePrincipal": input.GranteePrincipal ?? "",
    ...(input.RetiringPrincipal === undefined ? {} : { "kms:RetiringPrincipal": input.RetiringPrincipal }),
    ...(constraint === undefined ? {} : { "kms:GrantConstraintType": constraint }),
  };
}

export const grantAccess = {
  CreateGrant: (input, ctx) =>
    keyAccess(ctx, "CreateGrant", input.KeyId, {
      context: createGrantKeys(input, ctx),
      encryptionContext: {
        ...input.Constraints?.EncryptionContextSubset,
        ...input.Constraints?.EncryptionContextEquals,
      },
      proposed: {
        operations: input.Operations ?? [],
        constraints: input.Constraints as GrantDocument["constraints"],
      },
    }),
  ListGrants: (input, ctx) => keyAccess(ctx, "ListGrants", input.KeyId, { context: forAwsResource(ctx) }),
  // "The authorized resource in ListRetirableGrants calls is the retiring principal specified in the request."
  ListRetirableGrants: (input, ctx) => plainAccess(ctx, "ListRetirableGrants", input.RetiringPrincipal ?? "*"),
  RevokeGrant: (input, ctx) => keyAccess(ctx, "RevokeGrant", input.KeyId, { context: forAwsResource(ctx) }),
  async RetireGrant(input, ctx) {
    const grant = await retiring(input, ctx);
    ctx.audit({ additionalEventData: { grantId: grant.grantId } });
    const key = await keyOfGrant(ctx, grant);
    const question = await accessTo(ctx, "RetireGrant", { key });
    const policies = [...(question.resourcePolicies ?? []), ...retiringPolicy(grant)];
    return { ...question, resourcePolicies: policies };
  },
} satisfies KmsAccess;

/** The grant itself lets its retiring principal retire it. */
function retiringPolicy(grant: GrantDocument): NamedPolicy[] {
  const principal = grant.retiringPrincipal;
  if (principal === undefined) return [];
  const statement = {
    Effect: "Allow",
    Principal: principal.startsWith("arn:") ? { AWS: grant.retiringId ?? principal } : { Service: principal },
    Action: "kms:RetireGrant",
    Resource: "*",
  };
  return [
    {
      name: `grant/${grant.grantId}/retiring`,
      document: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }),
    },
  ];
}
