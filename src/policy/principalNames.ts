/** The names under `Principal` and `NotPrincipal` of a policy document, as text: reading them, and putting others in their place. */

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);

/** What stands under `Principal`/`AWS` of every statement, as written. */
export function awsPrincipals(document: string): string[] {
  const found = new Set<string>();
  const policy = JSON.parse(document) as { Statement?: unknown };
  for (const statement of listOf(policy.Statement) as { Principal?: unknown; NotPrincipal?: unknown }[]) {
    for (const principal of [statement.Principal, statement.NotPrincipal]) {
      if (typeof principal !== "object" || principal === null) continue;
      for (const name of listOf((principal as { AWS?: unknown }).AWS)) if (typeof name === "string") found.add(name);
    }
  }
  return [...found];
}

/** The document with principals replaced, everything else as it was. */
export function replacePrincipals(document: string, replacements: ReadonlyMap<string, string>): string {
  const replace = (name: unknown) => (typeof name === "string" ? (replacements.get(name) ?? name) : name);
  const policy = JSON.parse(document) as { Statement?: unknown };
  for (const statement of listOf(policy.Statement) as Record<string, unknown>[]) {
    for (const element of ["Principal", "NotPrincipal"]) {
      const principal = statement[element];
      if (typeof principal !== "object" || principal === null) continue;
      const map = principal as { AWS?: unknown };
      if (map.AWS === undefined) continue;
      map.AWS = Array.isArray(map.AWS) ? map.AWS.map(replace) : replace(map.AWS);
    }
  }
  return JSON.stringify(policy);
}
