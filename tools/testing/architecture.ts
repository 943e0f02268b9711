/**
 * The arrows of the architecture, checked on every import of `src`. dependency-cruiser would do it, but needs the
 * API of TypeScript before version 7; the imports are read with oxc-parser instead.
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { parseSync } from "oxc-parser";

/** Each layer may import itself and what its row names; type imports count, they are knowledge too. */
export const layers: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  ipc: ["kernel"],
  store: ["kernel", "ipc"],
  stream: ["kernel", "ipc", "store"],
  blob: ["kernel"],
  model: ["kernel"],
  wire: ["kernel", "model"],
  policy: ["kernel", "model"],
  keys: ["kernel"],
  hsm: ["kernel", "ipc", "keys"],
  engines: ["kernel"],
  gateway: ["kernel", "ipc", "store", "stream", "blob", "model", "wire", "policy", "keys"],
  host: ["kernel", "engines"],
  demo: ["kernel"],
  edge: ["kernel", "store", "stream", "blob", "model", "wire", "gateway", "engines", "host"],
  services: [
    "kernel",
    "store",
    "stream",
    "blob",
    "model",
    "wire",
    "policy",
    "keys",
    "hsm",
    "gateway",
    "engines",
    "host",
  ],
  roles: [
    "kernel",
    "ipc",
    "store",
    "stream",
    "blob",
    "model",
    "wire",
    "policy",
    "keys",
    "hsm",
    "gateway",
    "engines",
    "host",
    "edge",
    "services",
    "demo",
  ],
  cli: ["kernel", "blob", "store", "roles"],
};

export interface ImportOf {
  /** Path below the root of the source tree. */
  file: string;
  /** The specifier as written. */
  specifier: string;
  typeOnly: boolean;
}

export interface Violation extends ImportOf {
  rule: string;
}

interface Rule {
  name: string;
  /** Why it is forbidden, or `undefined` when it is not. */
  forbids(each: ImportOf, target: string): boolean;
}

/** What services know of the edge: the documents by which they tell it what to serve, and its TLS policies. */
const edgeContract = ["src/edge/config.ts", "src/edge/securityPolicies.ts"];

/** Tests and their doubles may reach further: they put parts together that the product keeps apart. */
const isTestCode = (file: string): boolean =>
  /\.(test|testing|bench|check|driver)\.ts$|\/testdata\/|\/testing(\.ts|\/)|\/conformance\.ts$|-fake\.ts$|\/bench\.ts$/.test(
    file,
  );

const serviceOf = (path: string): string | undefined => /^src\/services\/([^/]+)\//.exec(path)?.[1];
const layerOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1];

export const rules: readonly Rule[] = [
  {
    name: "layers import only what is below them",
    forbids: ({ file }, target) => {
      const from = layerOf(file);
      const to = layerOf(target);
      if (from === undefined || to === undefined || from === to || isTestCode(file)) return false;
      return !(layers[from] ?? []).includes(to) && !(from === "services" && edgeContract.includes(target));
    },
  },
  {
    name: "services never import each other: they call through the gateway",
    forbids: ({ file }, target) => {
      const from = serviceOf(file);
      const to = serviceOf(target);
      return from !== undefined && to !== undefined && from !== to && !isTestCode(file);
    },
  },
  {
    name: "no SDK client at run time, its types only",
    forbids: ({ file, typeOnly }, target) => !typeOnly && !isTestCode(file) && /^@(aws-sdk|smithy)\//.test(target),
  },
  {
    name: "the product imports neither tests nor tools",
    forbids: ({ file }, target) => !isTestCode(file) && /\.test\.ts$|^test\/|^tools\//.test(target),
  },
];

/** What the key holder's process loads must come with Node: the permission model does not hold back native code. */
const holderEntry = "src/keys/holder.ts";
/** noble makes the two signatures that node:crypto cannot; docs/rationale.md, "Keys". */
const holderLibraries = /^(node:|@noble\/)/;

export function findViolations(home: string): Violation[] {
  const files = globSync("src/**/*.{ts,mjs}", { cwd: home }).toSorted();
  const imports = new Map(files.map((file) => [file, importsOf(file, readFileSync(join(home, file), "utf8"))]));
  const violations = [...imports.values()].flat().flatMap((each) => judge(each, imports));
  return [...violations, ...holderDependencies(imports)];
}

function judge(each: ImportOf, imports: ReadonlyMap<string, readonly ImportOf[]>): Violation[] {
  const target = resolve(each);
  const broken = rules.filter((rule) => rule.forbids(each, target)).map((rule) => ({ ...each, rule: rule.name }));
  const missing = target.startsWith("src/") && /\.(ts|mjs)$/.test(target) && !imports.has(target);
  return missing ? [...broken, { ...each, rule: "the imported file exists" }] : broken;
}

function holderDependencies(imports: ReadonlyMap<string, readonly ImportOf[]>): Violation[] {
  const found: Violation[] = [];
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const each of imports.get(file) ?? []) {
      if (each.typeOnly) continue;
      const target = resolve(each);
      if (target.startsWith("src/")) visit(target);
      else if (!holderLibraries.test(target)) found.push({ ...each, rule: "the key holder has no dependencies" });
    }
  };
  visit(holderEntry);
  return found;
}

/** A path below the root for our own files, the package name with its path for others. */
function resolve({ file, specifier }: ImportOf): string {
  if (specifier.startsWith("#")) return `src/${specifier.slice(1)}`;
  if (specifier.startsWith(".")) return normalize(join(dirname(file), specifier));
  return specifier;
}

export function importsOf(file: string, source: string): ImportOf[] {
  const { module } = parseSync(file, source);
  const found: ImportOf[] = [];
  for (const each of module.staticImports) {
    const typeOnly = each.entries.length > 0 && each.entries.every((entry) => entry.isType);
    found.push({ file, specifier: each.moduleRequest.value, typeOnly });
  }
  for (const each of module.staticExports) {
    for (const entry of each.entries) {
      if (entry.moduleRequest) found.push({ file, specifier: entry.moduleRequest.value, typeOnly: entry.isType });
    }
  }
  for (const each of module.dynamicImports) {
    const text = source.slice(each.moduleRequest.start, each.moduleRequest.end);
    if (/^["'][^"']+["']$/.test(text)) found.push({ file, specifier: text.slice(1, -1), typeOnly: false });
  }
  return found;
}
