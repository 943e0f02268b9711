import { fileURLToPath } from "node:url";
import type { RoleSpec } from "../processChild.ts";

export function standinEntry(name: string): RoleSpec {
  return { name, entry: [fileURLToPath(new URL("standin.ts", import.meta.url)), name] };
}
