/** Reading and keeping resources of the caller's account and Region. */
import type { CallContext } from "#gateway/context.ts";
import { hexId } from "#kernel/ids.ts";
import type { Document } from "#store/contract.ts";
import { ensureDefaults, indexesOf } from "./defaults.ts";
import { failure } from "./errors.ts";
import { isWellFormed, kinds } from "./kinds.ts";
import type { Documents, ResourceType } from "./state.ts";

/** Every resource of a type, with what this call has brought into being at first use. */
export async function all<T extends ResourceType>(ctx: CallContext, type: T): Promise<Documents[T][]> {
  const first = ((await ensureDefaults(ctx)) as Partial<Record<ResourceType, unknown[]>>)[type] ?? [];
  const found: Documents[T][] = [...(first as Documents[T][])];
  let after: string | undefined;
  do {
    const query: { limit: number; after?: string } = { limit: 1000, ...(after === undefined ? {} : { after }) };
    const page: { items: Document<Documents[T]>[]; next?: string } = await ctx.state.list<Documents[T]>(type, query);
    found.push(...page.items.map(({ value }) => value));
    after = page.next;
  } while (after !== undefined);
  return found;
}

export async function find<T extends ResourceType>(
  ctx: CallContext,
  type: T,
  id: string,
): Promise<Documents[T] | undefined> {
  await ensureDefaults(ctx);
  return (await ctx.state.get<Documents[T]>(type, id))?.value;
}

/** @throws Invalid….NotFound, Invalid….Malformed */
export async function need<T extends ResourceType>(ctx: CallContext, type: T, id: string): Promise<Documents[T]> {
  requireForm(type, id);
  const found = await find(ctx, type, id);
  if (!found) throw notFound(type, id);
  return found;
}

export function requireForm(type: ResourceType, id: string): void {
  if (isWellFormed(type, id)) return;
  const [code, text] = kinds[type].malformed;
  throw failure(code, text(id));
}

export function notFound(type: ResourceType, id: string) {
  const [code, text] = kinds[type].notFound;
  return failure(code, text(id));
}

export function save<T extends ResourceType>(ctx: CallContext, type: T, document: Documents[T]): void {
  ctx.state.put(type, document.id, document, indexesOf(type, document));
}

export function remove(ctx: CallContext, type: ResourceType, id: string): void {
  ctx.state.delete(type, id);
}

/**
 * Keeps a resource from being deleted by a call that does not see what this call makes: the resource gets a new
 * version, which a deletion that has looked at it meets.
 */
export async function hold<T extends ResourceType>(ctx: CallContext, type: T, id: string): Promise<void> {
  const found = await find(ctx, type, id);
  if (found) save(ctx, type, found);
}

export function newId(ctx: Pick<CallContext, "random">, prefix: string): string {
  return hexId(prefix, 17, ctx.random);
}

export function arnOf(
  ctx: Pick<CallContext, "partition" | "region" | "account">,
  type: ResourceType,
  id: string,
): string {
  return `arn:${ctx.partition}:ec2:${ctx.region}:${ctx.account}:${kinds[type].name}/${id}`;
}
