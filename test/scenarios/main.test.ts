/**
 * Scenario main, first half: signed calls that are really enforced, over keys nobody can read, into an object
 * store that encrypts. From outside, with unmodified clients.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { CreateKeyCommand, DisableKeyCommand, EnableKeyCommand, EncryptCommand, KMSClient } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { SignatureV4 } from "@smithy/signature-v4";
import { Hash } from "@smithy/hash-node";
import { filesWith } from "../dataFolder.ts";
import { run } from "../cli.ts";
import { eventually, repository, startInstance, type Instance } from "../instance.ts";
import { operator } from "../operator.ts";
import { stores, type StoreUnderTest } from "../stores.ts";

const bucket = "secret-papers";
const key = "reports/2026.txt";
const canary = "canary-7f3a9c51-nobody-may-read-this";

for (const store of stores)
  describe(`signed calls that are really enforced, on ${store.name}`, { skip: store.skip }, () => {
    let instance: Instance;
    let engine: Awaited<ReturnType<StoreUnderTest["start"]>>;
    let kms: KMSClient;
    let s3: S3Client;
    let keyArn: string;

    before(async () => {
      engine = await store.start();
      instance = await startInstance({ args: engine.args });
      kms = new KMSClient(instance.client);
      s3 = new S3Client(instance.s3Client);
      const created = await kms.send(new CreateKeyCommand({ Description: "papers" }));
      keyArn = created.KeyMetadata!.Arn!;
      await s3.send(new CreateBucketCommand({ Bucket: bucket }));
      const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms" as const, KMSMasterKeyID: keyArn } };
      await s3.send(
        new PutBucketEncryptionCommand({ Bucket: bucket, ServerSideEncryptionConfiguration: { Rules: [rule] } }),
      );
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: canary, Metadata: { note: "kept" } }));
    });

    after(async () => {
      await instance?.stop();
      await engine?.stop();
    });

    /** A user with what the statements allow, and its credentials. */
    async function user(name: string, statements: object[]) {
      const iam = new IAMClient(instance.client);
      await iam.send(new CreateUserCommand({ UserName: name }));
      const document = JSON.stringify({ Version: "2012-10-17", Statement: statements });
      await iam.send(new PutUserPolicyCommand({ UserName: name, PolicyName: "own", PolicyDocument: document }));
      const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: name }));
      return { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    }

    const get = (credentials: { accessKeyId: string; secretAccessKey: string }) =>
      new S3Client({ ...instance.s3Client, credentials }).send(new GetObjectCommand({ Bucket: bucket, Key: key }));

    test("an object under the bucket's key comes back, and on disk there is only ciphertext", async () => {
      const got = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      assert.equal(await got.Body!.transformToString(), canary);
      assert.equal(got.ServerSideEncryption, "aws:kms");
      assert.equal(got.SSEKMSKeyId, keyArn);
      assert.deepEqual(await filesWith(instance.dataDir, canary), []);
    });

    test("the search finds what lies in clear: the credentials file holds the administrator's key", async () => {
      assert.deepEqual(await filesWith(instance.dataDir, instance.ready.secretAccessKey), [
        `${instance.dataDir}/credentials`,
      ]);
    });

    test("without kms:Decrypt on the key nobody reads the object", async () => {
      const reader = await user("reader", [{ Effect: "Allow", Action: "s3:*", Resource: "*" }]);
      await assert.rejects(get(reader), (error: Error & { name: string; $metadata: { httpStatusCode: number } }) => {
        assert.equal(error.name, "AccessDenied");
        assert.equal(error.$metadata.httpStatusCode, 403);
        assert.match(error.message, /is not authorized to perform: kms:Decrypt on resource/);
        return true;
      });
      const allowed = await user("decryptor", [
        { Effect: "Allow", Action: "s3:GetObject", Resource: `arn:aws:s3:::${bucket}/*` },
        { Effect: "Allow", Action: "kms:Decrypt", Resource: keyArn },
      ]);
      assert.equal(await (await get(allowed)).Body!.transformToString(), canary);
    });

    test("an object under a disabled key is unreadable until the key is enabled", async () => {
      await kms.send(new DisableKeyCommand({ KeyId: keyArn }));
      await assert.rejects(s3.send(new GetObjectCommand({ Bucket: bucket, Key: key })), {
        name: "KMS.DisabledException",
      });
      await kms.send(new EnableKeyCommand({ KeyId: keyArn }));
      assert.ok(await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key })));
    });

    test("a wrong secret, an unknown key and an altered request are refused with AWS's errors", async () => {
      const { accessKeyId } = instance.ready;
      const wrong = { accessKeyId, secretAccessKey: "x".repeat(40) };
      const refused = (credentials: typeof wrong, name: string) =>
        assert.rejects(
          new KMSClient({ ...instance.client, credentials }).send(
            new EncryptCommand({ KeyId: keyArn, Plaintext: Buffer.from("x") }),
          ),
          { name },
        );
      await refused(wrong, "InvalidSignatureException");
      await refused({ accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "y" }, "UnrecognizedClientException");
      await assert.rejects(get(wrong), { name: "SignatureDoesNotMatch" });
      await assert.rejects(
        new STSClient({ ...instance.client, credentials: wrong }).send(new GetCallerIdentityCommand({})),
        {
          name: "SignatureDoesNotMatch",
        },
      );
    });

    test("a signature out of its window, and one over another body, are refused", async () => {
      const body = JSON.stringify({ KeyId: keyArn, Plaintext: "eA==" });
      const late = await post(body, body, new Date(Date.now() - 20 * 60_000));
      assert.equal(late.status, 400);
      assert.match(late.text, /Signature expired: \d{8}T\d{6}Z is now earlier than/);
      const altered = await post(body, body.replace("eA==", "eQ=="), new Date());
      assert.match(altered.text, /InvalidSignatureException/);
      assert.equal((await post(body, body, new Date())).status, 200);
    });

    async function post(signed: string, sent: string, at: Date) {
      const { endpoint, region, accessKeyId, secretAccessKey } = instance.ready;
      const { hostname, port, host } = new URL(endpoint);
      const signer = new SignatureV4({
        service: "kms",
        region,
        credentials: { accessKeyId, secretAccessKey },
        sha256: Hash.bind(null, "sha256"),
      });
      const request = await signer.sign(
        {
          method: "POST",
          protocol: "http:",
          hostname,
          port: Number(port),
          path: "/",
          query: {},
          headers: { host, "content-type": "application/x-amz-json-1.1", "x-amz-target": "TrentService.Encrypt" },
          body: signed,
        },
        { signingDate: at },
      );
      const answer = await fetch(`${endpoint}/`, {
        method: "POST",
        headers: request.headers as Record<string, string>,
        body: sent,
      });
      return { status: answer.status, text: await answer.text() };
    }

    test("jikimi why-denied names the policy and the statement", async () => {
      const denied = await user("halted", [
        { Effect: "Allow", Action: "kms:*", Resource: "*" },
        { Sid: "NoEncryption", Effect: "Deny", Action: "kms:Encrypt", Resource: keyArn },
      ]);
      const client = new KMSClient({ ...instance.client, credentials: denied });
      const requestId = await client.send(new EncryptCommand({ KeyId: keyArn, Plaintext: Buffer.from("x") })).then(
        () => assert.fail("was allowed"),
        (error: { name: string; message: string; $metadata: { requestId: string } }) => {
          assert.equal(error.name, "AccessDeniedException");
          assert.match(error.message, /with an explicit deny in an identity-based policy$/);
          return error.$metadata.requestId;
        },
      );
      const why = await operator(instance, "GET", `/_jikimi/why-denied?requestId=${requestId}`);
      assert.equal(why.action, "kms:Encrypt");
      assert.match(why.explanation.en.join("\n"), /NoEncryption/);
      assert.match(why.explanation.ko.join("\n"), /NoEncryption/);
      const shown = await run(
        process.execPath,
        ["src/cli/main.ts", "why-denied", requestId, "--data", instance.dataDir],
        {
          ...instance.env(),
          PWD: repository,
        },
      );
      assert.equal(shown.code, 0, shown.stderr);
      assert.match(shown.stdout, /NoEncryption/);
    });

    test("refused calls are in the event history, and no secret is", async () => {
      const listed = await eventually(async () => {
        const events = await lookUp("Encrypt");
        return events.some((text) => text.includes("AccessDenied")) && events;
      });
      assert.ok(!listed.join("").includes("eA=="));
    });

    async function lookUp(eventName: string): Promise<string[]> {
      const attribute = { AttributeKey: "EventName" as const, AttributeValue: eventName };
      const { Events } = await new CloudTrailClient(instance.client).send(
        new LookupEventsCommand({ LookupAttributes: [attribute] }),
      );
      return (Events ?? []).map((event) => event.CloudTrailEvent!);
    }

    test("health and readiness answer, and metrics count the calls", async () => {
      assert.equal((await fetch(`${instance.endpoint}/_jikimi/livez`)).status, 200);
      assert.equal((await fetch(`${instance.endpoint}/_jikimi/readyz`)).status, 200);
      const metrics = await (await fetch(`${instance.endpoint}/_jikimi/metrics`)).text();
      assert.match(metrics, /jikimi_calls_total\{service="kms",operation="Encrypt",outcome="denied"/);
      assert.match(metrics, /jikimi_reactor_events_total\{reactor="cloudtrail.history",role="jobs"/);
    });
  });
