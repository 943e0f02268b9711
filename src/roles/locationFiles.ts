/**
 * The operator's databases of countries and autonomous systems, MaxMind DB files named by `JIKIMI_GEO_DATABASE` and
 * `JIKIMI_ASN_DATABASE`. A file that is named and cannot be read ends the start: rules that block a country would else
 * let it pass.
 */
import { readFile } from "node:fs/promises";
import { type Location, openLocation } from "#engines/waf/index.ts";

const countriesVariable = "JIKIMI_GEO_DATABASE";
const systemsVariable = "JIKIMI_ASN_DATABASE";

/** Which of the two there are. */
export const locationDatabases = (env: NodeJS.ProcessEnv): { countries: boolean; systems: boolean } => ({
  countries: (env[countriesVariable] ?? "") !== "",
  systems: (env[systemsVariable] ?? "") !== "",
});

/** `undefined` when there is none. */
export async function openLocationFiles(env: NodeJS.ProcessEnv): Promise<Location | undefined> {
  const countries = await read(env, countriesVariable);
  const systems = await read(env, systemsVariable);
  if (!countries && !systems) return undefined;
  return openLocation({ ...(countries ? { countries } : {}), ...(systems ? { systems } : {}) });
}

async function read(env: NodeJS.ProcessEnv, variable: string): Promise<Uint8Array | undefined> {
  const path = env[variable];
  if (path === undefined || path === "") return undefined;
  try {
    const bytes = await readFile(path);
    openLocation({ countries: bytes });
    return bytes;
  } catch (error) {
    throw new Error(`${variable}: ${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
