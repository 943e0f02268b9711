/**
 * "If your Principal element in a role trust policy contains an ARN that points to a specific IAM role, then that
 * ARN transforms to the role unique principal ID when you save the policy", and back when it is shown; a deleted
 * role's id stays. So that somebody who recreates a user or role by its name does not inherit what the old one was
 * trusted with. Source: IAM User Guide, "AWS JSON policy elements: Principal".
 */
import { parseJson } from "./json.ts";

/**
 * Replaces names under `AWS` in Principal and NotPrincipal; everything else stays as it is.
 *
 * @param text a document that parsePolicy has accepted
 * @param replace the id for an ARN or the ARN for an id; undefined leaves the name. To refuse a principal that does
 *   not exist, throw
 */
export function rewritePrincipals(text: string, replace: (name: string) => string | undefined): string {
  const document = parseJson(text).value as { Statement: unknown };
  const statements = (Array.isArray(document.Statement) ? document.Statement : [document.Statement]) as Record<
    string,
    unknown
  >[];
  let changed = false;
  const replaced = (name: unknown): unknown => {
    if (typeof name !== "string") return name;
    const other = replace(name);
    if (other === undefined || other === name) return name;
    changed = true;
    return other;
  };
  for (const statement of statements) {
    for (const element of ["Principal", "NotPrincipal"]) {
      const principal = statement[element];
      if (typeof principal !== "object" || principal === null) continue;
      const names = principal as Record<string, unknown>;
      if (names["AWS"] === undefined) continue;
      names["AWS"] = Array.isArray(names["AWS"]) ? names["AWS"].map(replaced) : replaced(names["AWS"]);
    }
  }
  // An untouched document keeps its spacing.
  return changed ? JSON.stringify(document) : text;
}
