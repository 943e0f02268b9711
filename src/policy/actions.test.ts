import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { loadModel, modelHeads } from "#model/load.ts";
import { accessLevelOf, actionsOf, factsOf, resourceTypesOf, rowOf } from "./actions.ts";
import { notListedYet, operationActions, versionedActions } from "./operationActions.ts";

describe("every operation of every model", () => {
  for (const { id, iamPrefix } of modelHeads()) {
    it(`${id}: has its action in the reference, or a reviewed row`, () => {
      const wrong: string[] = [];
      for (const { name, http } of loadModel(id).operations.values()) {
        const row = rowOf(id, name);
        const actions = actionsOf(iamPrefix, name, { service: id, httpMethod: http.method });
        if (row === undefined && (actions.length === 0 || !actions.every(isListed))) wrong.push(name);
      }
      assert.deepEqual(wrong, []);
    });
  }
});

function isListed(action: string): boolean {
  return factsOf(action) !== undefined;
}

describe("the reviewed table", () => {
  /** Services whose actions we have no table of, because we do not serve them. */
  const elsewhere = /^(s3express|s3-outposts|s3-object-lambda):/;
  const models = new Map(modelHeads().map(({ id }) => [id, loadModel(id)]));

  for (const [service, rows] of Object.entries(operationActions)) {
    it(`${service}: names operations that exist, once, and actions that exist unless it says otherwise`, () => {
      const operations = models.get(service)?.operations;
      assert.ok(operations !== undefined, `no model ${service}`);
      assert.equal(new Set(rows.map(({ operation }) => operation)).size, rows.length);
      for (const { operation, actions, reason } of rows) {
        assert.ok(operations.has(operation), `${operation} is no operation`);
        for (const action of actions) {
          if (elsewhere.test(action)) continue;
          // A row that the reference has caught up with is to be deleted.
          assert.equal(isListed(action), reason !== notListedYet, `${operation}: ${action}`);
        }
      }
    });
  }

  it("renames versioned S3 actions to actions that exist", () => {
    for (const [action, versioned] of Object.entries(versionedActions)) {
      assert.ok(isListed(action) && isListed(versioned), action);
    }
  });
});

describe("actions of an operation", () => {
  const rows: readonly (readonly [string, string, { service?: string; httpMethod?: string }, readonly string[]])[] = [
    ["kms", "Decrypt", {}, ["kms:Decrypt"]],
    ["kms", "ReEncrypt", {}, ["kms:ReEncryptFrom", "kms:ReEncryptTo"]],
    ["s3", "HeadObject", {}, ["s3:GetObject"]],
    ["s3", "ListObjectsV2", {}, ["s3:ListBucket"]],
    ["s3", "GetBucketCors", {}, ["s3:GetBucketCORS"]],
    ["s3", "GetPublicAccessBlock", { service: "s3" }, ["s3:GetBucketPublicAccessBlock"]],
    ["s3", "GetPublicAccessBlock", { service: "s3control" }, ["s3:GetAccountPublicAccessBlock"]],
    ["lambda", "Invoke", {}, ["lambda:InvokeFunction"]],
    ["sts", "GetCallerIdentity", {}, []],
    ["sts", "AssumeRole", {}, ["sts:AssumeRole"]],
    [
      "elasticloadbalancing",
      "DescribeLoadBalancers",
      { service: "elbv2" },
      ["elasticloadbalancing:DescribeLoadBalancers"],
    ],
    ["apigateway", "CreateRestApi", { httpMethod: "POST" }, ["apigateway:POST"]],
    ["apigateway", "GetRestApis", { httpMethod: "GET" }, ["apigateway:GET"]],
    ["apigateway", "CreatePortal", { service: "apigatewayv2", httpMethod: "POST" }, ["apigateway:CreatePortal"]],
    ["kms", "NoSuchOperation", {}, ["kms:NoSuchOperation"]],
    ["nosuchservice", "Do", {}, ["nosuchservice:Do"]],
    ["../data/kms", "Decrypt", {}, ["../data/kms:Decrypt"]],
  ];
  for (const [prefix, operation, details, actions] of rows) {
    it(`${prefix} ${operation} ${JSON.stringify(details)}: ${actions.join(", ") || "none"}`, () => {
      assert.deepEqual(actionsOf(prefix, operation, details), actions);
    });
  }

  it("without its HTTP method, an API Gateway operation needs them all", () => {
    assert.equal(actionsOf("apigateway", "CreateRestApi").length, 5);
  });
});

it("facts come from the reference", () => {
  assert.equal(accessLevelOf("kms:Decrypt"), "Write");
  assert.equal(accessLevelOf("KMS:listkeys"), "List");
  assert.equal(accessLevelOf("s3:PutBucketPolicy"), "Permissions management");
  assert.equal(accessLevelOf("kms:TagResource"), "Tagging");
  assert.equal(accessLevelOf("kms:Nothing"), undefined);
  assert.deepEqual(resourceTypesOf("kms:Decrypt"), [
    {
      name: "key",
      // oxlint-disable-next-line no-template-curly-in-string -- as the reference writes ARNs
      arn: "arn:${Partition}:kms:${Region}:${Account}:key/${KeyId}",
      required: true,
      conditionKeys: [
        // oxlint-disable-next-line no-template-curly-in-string -- as the reference writes keys
        "aws:ResourceTag/${TagKey}",
        "kms:KeyOrigin",
        "kms:KeySpec",
        "kms:KeyUsage",
        "kms:MultiRegion",
        "kms:MultiRegionKeyType",
        "kms:ResourceAliases",
      ],
    },
  ]);
  assert.deepEqual(resourceTypesOf("kms:ListKeys"), []);
  assert.ok(factsOf("kms:Decrypt")?.conditionKeys.includes("kms:ViaService"));
});

it("the generated tables are fresh", () => {
  const tool = fileURLToPath(new URL("../../tools/generate-actions.ts", import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [tool, "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});
