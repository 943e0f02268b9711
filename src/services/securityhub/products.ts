/** Who sends findings here: one row each. Source: Security Hub User Guide, "AWS service integrations". */
import { partitionOf } from "#kernel/arn.ts";
import type { Place } from "./state.ts";

export interface Product {
  /** After `product/` and `product-subscription/`. */
  path: string;
  name: string;
  company: string;
  description: string;
  categories: readonly string[];
  /** Findings are taken from the time the hub is enabled, without being asked for. */
  byItself: boolean;
}

const products: readonly Product[] = [
  {
    path: "aws/guardduty",
    name: "GuardDuty",
    company: "Amazon",
    description: "Threat detection from the account's own API calls.",
    categories: ["Threat Detection Service"],
    byItself: true,
  },
];

export const integrations = products;

export function integration(path: string): Product | undefined {
  return products.find((product) => product.path === path);
}

export function productArn(region: string, path: string): string {
  return `arn:${partitionOf(region)}:securityhub:${region}::product/${path}`;
}

/** Of findings that an account sends itself. */
export function ownProduct({ account, region }: Place): { arn: string; name: string; company: string } {
  const arn = `arn:${partitionOf(region)}:securityhub:${region}:${account}:product/${account}/default`;
  return { arn, name: "Default", company: "Personal" };
}
