/**
 * Real commands of the AWS CLI against one instance: the one on the path, and Debian's version 2, which is older and
 * has to be told where with `--endpoint-url`. Each row is a command and what its answer must hold.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { awsCommand, isInstalled, run, type Ran } from "../cli.ts";
import { startInstance, type Instance } from "../instance.ts";

interface Program {
  name: string;
  command: string;
  /** Older than AWS_ENDPOINT_URL. */
  needsEndpoint: boolean;
}

const debian = "/usr/bin/aws";
const programs: Program[] = [
  ...((await isInstalled(awsCommand())) ? [{ name: "current", command: awsCommand(), needsEndpoint: false }] : []),
  ...(existsSync(debian) ? [{ name: "Debian's", command: debian, needsEndpoint: true }] : []),
];

type Row = [command: string, expected: RegExp];

/** `$DIR` is the folder of the test, `$N` the program's number, `$KEY` a key of KMS. */
const rows: readonly Row[] = [
  ["sts get-caller-identity", /"Arn": "arn:aws:iam::\d{12}:user\/admin"/],
  ["s3 mb s3://cli-$N", /make_bucket: cli-\d/],
  ["s3 cp $DIR/small.txt s3://cli-$N/a/small.txt", /upload: .* to s3:\/\/cli-\d\/a\/small.txt/],
  ["s3 cp $DIR/big.bin s3://cli-$N/big.bin --quiet", /^$/],
  ["s3 cp s3://cli-$N/big.bin $DIR/back-$N.bin --quiet", /^$/],
  ["s3 ls s3://cli-$N --recursive --summarize", /Total Objects: 2/],
  ["s3 mv s3://cli-$N/a/small.txt s3://cli-$N/b/small.txt", /move: s3:\/\/cli-\d\/a\/small.txt/],
  ["s3 sync $DIR/tree s3://cli-$N/tree", /upload: /],
  ["s3 sync $DIR/tree s3://cli-$N/tree", /^$/],
  ["s3 cp s3://cli-$N/b/small.txt -", /^small$/],
  ["s3 rm s3://cli-$N/tree --recursive", /delete: s3:\/\/cli-\d\/tree\/two.txt/],
  ["s3 presign s3://cli-$N/b/small.txt", /^http:\/\/127\.0\.0\.1:\d+\/cli-\d\/b\/small\.txt\?/],
  ["s3api put-bucket-versioning --bucket cli-$N --versioning-configuration Status=Enabled", /^$/],
  ["s3api get-bucket-versioning --bucket cli-$N", /"Status": "Enabled"/],
  ["s3api put-object --bucket cli-$N --key c --body $DIR/small.txt --metadata a=b", /"VersionId"/],
  ["s3api head-object --bucket cli-$N --key c", /"Metadata": \{\s*"a": "b"/],
  ["s3api put-object-tagging --bucket cli-$N --key c --tagging TagSet=[{Key=k,Value=v}]", /VersionId/],
  ["s3api get-object-tagging --bucket cli-$N --key c", /"Key": "k"/],
  ["s3api delete-object --bucket cli-$N --key c", /"DeleteMarker": true/],
  ["s3api list-object-versions --bucket cli-$N --prefix c", /"DeleteMarkers"/],
  ["s3api get-object --bucket cli-$N --key none $DIR/none", /NoSuchKey.*The specified key does not exist/],
  ["s3 rb s3://cli-$N", /BucketNotEmpty/],
  ["kms describe-key --key-id $KEY", /"KeyState": "Enabled"/],
  ["kms create-alias --alias-name alias/cli-$N --target-key-id $KEY", /^$/],
  ["kms encrypt --key-id alias/cli-$N --plaintext fileb://$DIR/small.txt --query KeyId", /key\//],
  ["kms generate-data-key --key-id $KEY --key-spec AES_256 --query KeyId", /key\//],
  ["kms list-aliases --key-id $KEY", /alias\/cli-\d/],
  ["kms decrypt --ciphertext-blob fileb://$DIR/small.txt", /InvalidCiphertextException/],
  ["iam create-user --user-name cli-$N --tags Key=team,Value=red", /"UserName": "cli-\d"/],
  ["iam list-user-tags --user-name cli-$N", /"Value": "red"/],
  ["iam put-user-policy --user-name cli-$N --policy-name p --policy-document file://$DIR/policy.json", /^$/],
  ["iam get-user-policy --user-name cli-$N --policy-name p", /"s3:GetObject"/],
  ["iam create-role --role-name cli-$N --assume-role-policy-document file://$DIR/trust.json", /"RoleName": "cli-\d"/],
  ["iam get-user --user-name nobody", /NoSuchEntity.*The user with name nobody cannot be found/],
  ["iam list-roles --query Roles[].RoleName --output text", /cli-\d/],
  ["sts get-caller-identity --profile role-$N", /assumed-role\/cli-\d\//],
  ["sts get-caller-identity --profile wrong-$N", /AccessDenied.*sts:AssumeRole/],
  ["s3 ls --profile role-$N", /AccessDenied/],
  ["cloudtrail describe-trails", /"trailList": \[\]/],
  ["cloudtrail lookup-events --max-items 1", /"Events"/],
  ["cloudtrail create-event-data-store --name cli-$N --no-termination-protection-enabled", /"Status": "ENABLED"/],
  ["cloudtrail list-event-data-stores", /eventdatastore\//],
  ["cloudtrail start-query --query-statement DROP", /InvalidQueryStatementException/],
];

describe("AWS CLI", { skip: programs.length > 0 ? false : "needs an AWS CLI" }, () => {
  let instance: Instance;
  let folder: string;
  let key: string;

  before(async () => {
    instance = await startInstance();
    folder = await mkdtemp(join(tmpdir(), "jikimi-awscli-"));
    await writeFile(join(folder, "small.txt"), "small");
    await writeFile(join(folder, "big.bin"), Buffer.alloc(18 * 1024 * 1024, "jikimi"));
    for (const name of ["one.txt", "two.txt"]) await writeTree(join(folder, "tree"), name);
    const { accountId, accessKeyId, secretAccessKey } = instance.ready;
    await writeFile(join(folder, "policy.json"), document({ Action: "s3:GetObject", Resource: "*" }));
    const trust = {
      Principal: { AWS: `arn:aws:iam::${accountId}:root` },
      Action: "sts:AssumeRole",
      Condition: { StringEquals: { "sts:ExternalId": "kimchi" } },
    };
    await writeFile(join(folder, "trust.json"), document(trust));
    const profiles = programs.flatMap((_, n) =>
      [
        ["role", "kimchi"],
        ["wrong", "bread"],
      ].map(
        ([name, external]) =>
          `[profile ${name}-${n}]\nrole_arn = arn:aws:iam::${accountId}:role/cli-${n}\nsource_profile = admin\nexternal_id = ${external}\n`,
      ),
    );
    await writeFile(join(folder, "config"), profiles.join(""));
    await writeFile(
      join(folder, "credentials"),
      `[admin]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
    );
    const created = await call(programs[0]!, ["kms", "create-key", "--query", "KeyMetadata.KeyId", "--output", "text"]);
    key = created.stdout.trim();
  });

  after(async () => {
    await instance?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function call(program: Program, args: readonly string[]): Promise<Ran> {
    const profile = args.includes("--profile");
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...env } = instance.env({
      AWS_CONFIG_FILE: join(folder, "config"),
      AWS_SHARED_CREDENTIALS_FILE: join(folder, "credentials"),
    });
    // Keys of the environment would come before those of the profile.
    const keys = profile ? {} : { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY };
    const endpoint = program.needsEndpoint ? ["--endpoint-url", instance.endpoint] : [];
    return run(program.command, [...endpoint, ...args], { ...env, ...keys });
  }

  for (const [number, program] of programs.entries()) {
    describe(program.name, () => {
      let presigned = "";
      for (const [command, expected] of rows) {
        // An old CLI asks the public STS for its roles, whatever endpoint it was given.
        const skip =
          program.needsEndpoint && command.includes("--profile") ? "assumes roles at the public endpoint" : false;
        test(command, { skip }, async () => {
          const args = command
            .split(" ")
            .map((word) => word.replaceAll("$DIR", folder).replaceAll("$N", String(number)).replaceAll("$KEY", key));
          const ran = await call(program, args);
          assert.match((ran.stdout + ran.stderr).trim(), expected);
          if (command.includes(" presign ")) presigned = ran.stdout.trim();
        });
      }

      test("a large object comes back as it went", async () => {
        const [sent, back] = await Promise.all(
          ["big.bin", `back-${number}.bin`].map((name) => readFile(join(folder, name))),
        );
        assert.ok(sent!.equals(back!));
      });

      test("a presigned address gives the object to whoever has it", async () => {
        const answer = await fetch(presigned);
        assert.deepEqual([answer.status, await answer.text()], [200, "small"]);
        const changed = await fetch(presigned.replace("small.txt", "other.txt"));
        assert.equal(changed.status, 403);
      });
    });
  }
});

async function writeTree(folder: string, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), name);
}

function document(statement: object): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...statement }] });
}
