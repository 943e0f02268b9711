/**
 * Unites the two graphs of a service. The SDK is newer and wins on surface and wire traits; botocore adds constraints,
 * number widths, unsigned operations, and whatever the SDK lacks.
 */
import type { Graph, GraphMember, GraphShape } from "./graph.ts";

/** Operations that botocore keeps under a URI which a newer operation has taken over. */
const superseded = new Set([
  "GetBucketLifecycle",
  "PutBucketLifecycle",
  "GetBucketNotification",
  "PutBucketNotification",
]);

const simple = new Set(["string", "boolean", "integer", "long", "float", "double", "timestamp", "blob", "bigInteger"]);
const widths = new Set(["integer", "long", "float", "double"]);

export interface MergeReport {
  onlySdk: string[];
  onlyBotocore: string[];
  addedMembers: string[];
}

export function mergeGraphs(sdk: Graph, botocore: Graph): MergeReport {
  const report: MergeReport = { onlySdk: [], onlyBotocore: [], addedMembers: [] };
  const paired = new Set<GraphShape>();
  const enums = sdk.enums;

  /** `name` and the constraints of the botocore shape move to the SDK's. */
  function uniteSimple(shape: GraphShape, other: GraphShape): GraphShape {
    // CloudFront's and Route 53's counts are strings to botocore; the wire does not tell.
    if (shape.kind === "double" && other.kind === "string") return { ...shape, name: other.name, kind: "integer" };
    if (shape.kind !== other.kind && !(widths.has(shape.kind) && widths.has(other.kind))) return shape;
    const united: GraphShape = { ...shape, name: shape.name || other.name };
    if (widths.has(shape.kind)) united.kind = other.kind;
    if (other.min !== undefined) united.min = other.min;
    if (other.max !== undefined) united.max = other.max;
    if (other.pattern !== undefined) united.pattern = other.pattern;
    if (other.enum !== undefined) united.enum = uniteEnum(other.name, other.enum);
    if (other.sensitive) united.sensitive = true;
    return united;
  }

  function uniteEnum(name: string, values: readonly string[]): readonly string[] {
    const newer = enums.get(name);
    return newer === undefined ? values : [...new Set([...values, ...newer])];
  }

  function uniteMember(member: GraphMember, other: GraphMember): void {
    member.shape = unite(member.shape, other.shape);
    if (other.sensitive) member.sensitive = true;
    if (other.idempotencyToken) member.idempotencyToken = true;
    if (other.mediaType && !member.mediaType) member.mediaType = other.mediaType;
  }

  function unite(shape: GraphShape, other: GraphShape): GraphShape {
    if (simple.has(shape.kind)) return simple.has(other.kind) ? uniteSimple(shape, other) : shape;
    if (shape.kind !== other.kind) return shape;
    if (paired.has(shape)) return shape;
    paired.add(shape);
    if (shape.name === "") shape.name = other.name;
    if (other.sensitive) shape.sensitive = true;
    if (shape.kind === "list" || shape.kind === "map") {
      if (other.min !== undefined) shape.min = other.min;
      if (other.max !== undefined) shape.max = other.max;
      if (shape.element && other.element) uniteMember(shape.element, other.element);
      if (shape.mapKey && other.mapKey) uniteMember(shape.mapKey, other.mapKey);
      return shape;
    }
    for (const theirs of other.members ?? []) {
      const ours = shape.members?.find((member) => member.name === theirs.name);
      if (ours) uniteMember(ours, theirs);
      else {
        shape.members?.push({ ...theirs, required: false });
        report.addedMembers.push(`${shape.name}.${theirs.name}`);
      }
    }
    return shape;
  }

  for (const [name, operation] of sdk.operations) {
    const other = botocore.operations.get(name);
    if (other === undefined) {
      report.onlySdk.push(name);
      continue;
    }
    operation.input = unite(operation.input, other.input);
    operation.output = unite(operation.output, other.output);
    if (other.unsigned) operation.unsigned = true;
    if (other.hostPrefix && !operation.hostPrefix) operation.hostPrefix = other.hostPrefix;
  }
  for (const [name, operation] of botocore.operations) {
    if (sdk.operations.has(name) || superseded.has(name)) continue;
    report.onlyBotocore.push(name);
    sdk.operations.set(name, operation);
  }
  for (const [name, shape] of botocore.errors) {
    const ours = sdk.errors.get(name);
    if (ours === undefined) sdk.errors.set(name, shape);
    else {
      unite(ours, shape);
      if (ours.error && shape.error?.status !== undefined) ours.error.status = shape.error.status;
      if (ours.error && shape.error?.queryCode !== undefined) ours.error.queryCode = shape.error.queryCode;
    }
  }
  // Shapes that only newer operations reach still share their name with botocore's.
  for (const [name, shape] of sdk.named) {
    const other = botocore.named.get(name);
    if (other && !paired.has(shape)) unite(shape, other);
  }
  for (const protocol of botocore.protocols) {
    const known = sdk.protocols.some(
      (name) => name === protocol || (/^awsJson/.test(name) && /^awsJson/.test(protocol)),
    );
    if (!known) sdk.protocols.push(protocol);
  }
  sdk.signingName = botocore.signingName;
  sdk.endpointPrefix = botocore.endpointPrefix;
  return report;
}
