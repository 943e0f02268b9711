/**
 * AWS managed policies: name, path, versions and documents as AWS publishes them (AWS managed policy reference).
 * One row each in data/awsManagedPolicies.jsonl; read once, when the first of them is asked for. They have no
 * account, cannot be changed, and only their default version is kept.
 */
import { readFileSync } from "node:fs";
import type { ManagedPolicy } from "./state.ts";

interface Row {
  name: string;
  path: string;
  id: string;
  created: string;
  updated: string;
  version: string;
  description?: string;
  document: unknown;
}

const prefix = (partition: string) => `arn:${partition}:iam::aws:policy`;

/** Rows are written for the partition "aws"; elsewhere the ARNs inside the documents name the other partition. */
function policyOf(row: Row, partition: string): ManagedPolicy {
  const document = JSON.stringify(row.document);
  const updatedAt = Date.parse(row.updated);
  return {
    name: row.name,
    id: row.id,
    path: row.path,
    arn: `${prefix(partition)}${row.path}${row.name}`,
    createdAt: Date.parse(row.created),
    updatedAt,
    ...(row.description === undefined ? {} : { description: row.description }),
    tags: [],
    defaultVersion: row.version,
    versions: [
      {
        id: row.version,
        document: partition === "aws" ? document : document.replaceAll("arn:aws:", `arn:${partition}:`),
        createdAt: updatedAt,
      },
    ],
    nextVersion: Number(row.version.slice(1)) + 1,
  };
}

/** The catalogue of one partition, by ARN, in order of names. */
export class AwsManagedPolicies {
  readonly #partition: string;
  #byArn: Map<string, ManagedPolicy> | undefined;

  constructor(partition: string) {
    this.#partition = partition;
  }

  get(arn: string): ManagedPolicy | undefined {
    if (!arn.startsWith(`${prefix(this.#partition)}/`)) return undefined;
    return this.#all().get(arn);
  }

  list(): ManagedPolicy[] {
    return [...this.#all().values()];
  }

  #all(): Map<string, ManagedPolicy> {
    this.#byArn ??= new Map(
      readFileSync(new URL("./data/awsManagedPolicies.jsonl", import.meta.url), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => policyOf(JSON.parse(line) as Row, this.#partition))
        .map((policy) => [policy.arn, policy]),
    );
    return this.#byArn;
  }
}

const catalogues = new Map<string, AwsManagedPolicies>();

/** Immutable data, so one copy per process and partition serves everybody. */
export function awsManagedPolicies(partition: string): AwsManagedPolicies {
  let catalogue = catalogues.get(partition);
  if (!catalogue) {
    catalogue = new AwsManagedPolicies(partition);
    catalogues.set(partition, catalogue);
  }
  return catalogue;
}

export function isAwsManaged(policyArn: string): boolean {
  return /^arn:[a-z-]+:iam::aws:policy\//.test(policyArn);
}
