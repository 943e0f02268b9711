/** Names of load balancers and target groups. Source: API Reference, CreateLoadBalancer, CreateTargetGroup; texts recorded by moto. */
import { validation } from "./errors.ts";

/** @throws ValidationError */
export function checkName(name: string, what: "Load balancer" | "Target group"): void {
  if (name.length > 32) throw validation(`${what} name '${name}' cannot be longer than '32' characters`);
  if (!/^[A-Za-z0-9-]+$/.test(name)) {
    throw validation(
      `${what} name '${name}' can only contain characters that are alphanumeric characters or hyphens(-)`,
    );
  }
  if (name.startsWith("-") || name.endsWith("-")) {
    throw validation(`${what} name '${name}' cannot begin or end with '-'`);
  }
  if (what === "Load balancer" && name.startsWith("internal-")) {
    throw validation(`${what} name '${name}' cannot begin with 'internal-'`);
  }
}
