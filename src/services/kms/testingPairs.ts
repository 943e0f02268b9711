/** One world for the tests of one file, with one key pair per spec and usage. */
import { after, before } from "node:test";
import { keySpecs } from "./specs.ts";
import { World } from "./testing.ts";

export let world: World;
before(async () => {
  world = await World.open();
});
after(() => world.close());

export const message = Buffer.from("message");
const keys = new Map<string, Promise<{ KeyId: string; Arn: string }>>();

/** One key per spec and usage for all tests. */
export function key(KeySpec: string, KeyUsage: string): Promise<{ KeyId: string; Arn: string }> {
  const slot = `${KeySpec} ${KeyUsage}`;
  if (!keys.has(slot)) keys.set(slot, createKey({ KeySpec, KeyUsage }));
  return keys.get(slot)!;
}

export async function createKey(
  input: Record<string, unknown>,
): Promise<{ KeyId: string; Arn: string; [name: string]: unknown }> {
  return (await world.call("CreateKey", input)).KeyMetadata;
}

export const pairs = [...keySpecs.values()].filter(({ type }) => type === "asymmetric");
