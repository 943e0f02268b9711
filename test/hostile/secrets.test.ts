/**
 * Nothing secret is written down: after a mixed workload at log level debug no secret of it is in a log, in an audit
 * record, in any file of the data folder (but the administrator's key in `credentials`), in arguments or in environments.
 */
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import {
  ChangePasswordCommand,
  CreateAccessKeyCommand,
  CreateLoginProfileCommand,
  CreateRoleCommand,
  CreateUserCommand,
  CreateVirtualMFADeviceCommand,
  IAMClient,
  PutUserPolicyCommand,
  UpdateLoginProfileCommand,
  UploadServerCertificateCommand,
} from "@aws-sdk/client-iam";
import {
  CreateKeyCommand,
  DecryptCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateMacCommand,
  GenerateRandomCommand,
  KMSClient,
  ReEncryptCommand,
} from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { AssumeRoleCommand, GetSessionTokenCommand, STSClient } from "@aws-sdk/client-sts";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { eventually, startInstance, type Instance } from "../instance.ts";
import { stores, type StoreUnderTest } from "../stores.ts";

/** A secret in a place that says what it was. */
interface Secret {
  what: string;
  bytes: Buffer;
}

const text = (): string => `cAnary-${randomBytes(15).toString("hex")}-Z9!`;

/** As it is, in hexadecimal digits, and the stable middle of its base64 at each of the three places it may start. */
function forms(secret: Buffer): Buffer[] {
  const base64 = [0, 1, 2].map((shift) => {
    const padded = Buffer.concat([Buffer.alloc(shift, 120), secret]).toString("base64");
    return Buffer.from(padded.slice(shift === 0 ? 0 : 4, padded.length - 4));
  });
  const url = base64.map((form) => Buffer.from(form.toString().replaceAll("+", "-").replaceAll("/", "_")));
  const plus = Buffer.from(encodeURIComponent(secret.toString("latin1")));
  return [secret, Buffer.from(secret.toString("hex")), ...base64, ...url, plus];
}

for (const store of stores)
  describe(`secrets of a workload, on ${store.name}`, { skip: store.skip }, () => {
    let engine: Awaited<ReturnType<StoreUnderTest["start"]>>;
    let instance: Instance;
    const secrets: Secret[] = [];
    const keep = <T extends string | Uint8Array>(what: string, secret: T): T => {
      secrets.push({ what, bytes: typeof secret === "string" ? Buffer.from(secret) : Buffer.from(secret) });
      return secret;
    };

    before(async () => {
      engine = await store.start();
      instance = await startInstance({ args: engine.args, env: { JIKIMI_LOG_LEVEL: "debug" } });
      await identities();
      await keys();
      await objects();
      await refusals();
    });

    after(async () => {
      await instance?.stop();
      await engine?.stop();
    });

    async function identities(): Promise<void> {
      const iam = new IAMClient(instance.client);
      await iam.send(new CreateUserCommand({ UserName: "somebody" }));
      const password = keep("password", text());
      await iam.send(new CreateLoginProfileCommand({ UserName: "somebody", Password: password }));
      const second = keep("updated password", text());
      await iam.send(new UpdateLoginProfileCommand({ UserName: "somebody", Password: second }));
      const all = JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
      });
      await iam.send(new PutUserPolicyCommand({ UserName: "somebody", PolicyName: "all", PolicyDocument: all }));
      const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "somebody" }));
      const credentials = {
        accessKeyId: AccessKey!.AccessKeyId!,
        secretAccessKey: keep("secret access key", AccessKey!.SecretAccessKey!),
      };
      await new IAMClient({ ...instance.client, credentials }).send(
        new ChangePasswordCommand({ OldPassword: second, NewPassword: keep("changed password", text()) }),
      );
      const device = await iam.send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: "device" }));
      keep("second factor's seed", Buffer.from(device.VirtualMFADevice!.Base32StringSeed!));
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const pem = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
      keep("server certificate's key", pem.split("\n")[1]!);
      // The certificate is none, so the call is refused: the key must not be in the error either.
      await iam
        .send(
          new UploadServerCertificateCommand({ ServerCertificateName: "c", CertificateBody: "none", PrivateKey: pem }),
        )
        .catch(() => {});

      const sts = new STSClient({ ...instance.client, credentials });
      const session = await sts.send(new GetSessionTokenCommand({}));
      keep("session's secret key", session.Credentials!.SecretAccessKey!);
      keep("session token", session.Credentials!.SessionToken!);
      const trust = JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { AWS: instance.ready.accountId }, Action: "sts:AssumeRole" }],
      });
      const { Role } = await iam.send(new CreateRoleCommand({ RoleName: "role", AssumeRolePolicyDocument: trust }));
      const assumed = await sts.send(new AssumeRoleCommand({ RoleArn: Role!.Arn!, RoleSessionName: "session" }));
      keep("role session's secret key", assumed.Credentials!.SecretAccessKey!);
      keep("role session's token", assumed.Credentials!.SessionToken!);
      const { AccessKeyId, SecretAccessKey, SessionToken } = session.Credentials!;
      await new KMSClient({
        ...instance.client,
        credentials: { accessKeyId: AccessKeyId!, secretAccessKey: SecretAccessKey!, sessionToken: SessionToken! },
      }).send(new GenerateRandomCommand({ NumberOfBytes: 8 }));
    }

    async function keys(): Promise<void> {
      const kms = new KMSClient(instance.client);
      const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
      const KeyId = KeyMetadata!.KeyId!;
      const plaintext = keep("plaintext", Buffer.from(text()));
      const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext: plaintext }));
      await kms.send(new DecryptCommand({ CiphertextBlob: CiphertextBlob! }));
      await kms.send(new ReEncryptCommand({ CiphertextBlob: CiphertextBlob!, DestinationKeyId: KeyId }));
      const dataKey = await kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256" }));
      keep("data key", dataKey.Plaintext!);
      const random = await kms.send(new GenerateRandomCommand({ NumberOfBytes: 32 }));
      keep("random bytes", random.Plaintext!);
      const mac = await kms.send(new CreateKeyCommand({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" }));
      await kms.send(
        new GenerateMacCommand({
          KeyId: mac.KeyMetadata!.KeyId!,
          MacAlgorithm: "HMAC_SHA_256",
          Message: keep("message of a MAC", Buffer.from(text())),
        }),
      );
    }

    async function objects(): Promise<void> {
      const s3 = new S3Client(instance.s3Client);
      await s3.send(new CreateBucketCommand({ Bucket: "papers" }));
      // New buckets refuse keys of customers until they are told to take them.
      const rule = {
        ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" as const },
        BlockedEncryptionTypes: { EncryptionType: ["NONE" as const] },
      };
      await s3.send(
        new PutBucketEncryptionCommand({ Bucket: "papers", ServerSideEncryptionConfiguration: { Rules: [rule] } }),
      );
      await s3.send(new PutObjectCommand({ Bucket: "papers", Key: "a", Body: keep("object's body", text()) }));
      const customerKey = keep("customer's key", randomBytes(32));
      const sse = {
        SSECustomerAlgorithm: "AES256",
        SSECustomerKey: customerKey.toString("base64"),
        SSECustomerKeyMD5: createHash("md5").update(customerKey).digest("base64"),
      };
      const body = keep("body under the customer's key", text());
      await s3.send(new PutObjectCommand({ Bucket: "papers", Key: "b", Body: body, ...sse }));
      await (await s3.send(new GetObjectCommand({ Bucket: "papers", Key: "b", ...sse }))).Body!.transformToString();
      const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket: "papers", Key: "a" }));
      keep("presigned signature", new URL(url).searchParams.get("X-Amz-Signature")!);
      assert.equal((await fetch(url)).status, 200);
      const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket: "papers", Key: "c" }));
      keep("presigned signature of an upload", new URL(put).searchParams.get("X-Amz-Signature")!);
      await fetch(put, { method: "PUT", body: keep("uploaded body", text()) });
    }

    /** What fails is where texts are copied into messages. */
    async function refusals(): Promise<void> {
      const fails = (call: Promise<unknown>): Promise<void> => assert.rejects(call);
      const iam = new IAMClient(instance.client);
      const long = keep("refused password", `${text()}${"x".repeat(200)}`.slice(0, 140));
      await fails(iam.send(new CreateLoginProfileCommand({ UserName: "nobody", Password: long })));
      await fails(
        iam.send(new CreateLoginProfileCommand({ UserName: "nobody", Password: keep("password of nobody", text()) })),
      );
      const kms = new KMSClient(instance.client);
      const unknown = keep("plaintext for a key that is not there", Buffer.from(text()));
      await fails(kms.send(new EncryptCommand({ KeyId: "alias/none", Plaintext: unknown })));
      const wide = Buffer.concat([keep("plaintext that is too long", Buffer.from(text())), Buffer.alloc(8_000)]);
      await fails(kms.send(new EncryptCommand({ KeyId: "alias/none", Plaintext: wide })));
      const wrong = { accessKeyId: instance.ready.accessKeyId, secretAccessKey: keep("wrong secret key", text()) };
      await fails(new KMSClient({ ...instance.client, credentials: wrong }).send(new GenerateRandomCommand({})));
      const token = keep("unknown session token", text());
      await fails(
        new KMSClient({
          ...instance.client,
          credentials: { accessKeyId: "ASIAIOSFODNN7EXAMPLE", secretAccessKey: "x", sessionToken: token },
        }).send(new GenerateRandomCommand({})),
      );
      const s3 = new S3Client(instance.s3Client);
      const short = keep("customer's key of a wrong size", Buffer.from(text().slice(0, 20)));
      await fails(
        s3.send(
          new PutObjectCommand({
            Bucket: "papers",
            Key: "d",
            Body: "x",
            SSECustomerAlgorithm: "AES256",
            SSECustomerKey: short.toString("base64"),
            SSECustomerKeyMD5: createHash("md5").update(short).digest("base64"),
          }),
        ),
      );
    }

    test("the search finds what lies in clear: the administrator's key in `credentials`", async () => {
      const own = [{ what: "administrator's key", bytes: Buffer.from(instance.ready.secretAccessKey) }];
      assert.deepEqual(await inFiles(own), [`administrator's key in credentials`]);
    });

    test("no file of the data folder holds a secret, the logs among them", async () => {
      assert.ok(secrets.length > 20);
      assert.deepEqual(await inFiles(secrets), []);
    });

    test("no audit record holds a secret", async () => {
      const own = { what: "administrator's key", bytes: Buffer.from(instance.ready.secretAccessKey) };
      for (const region of ["us-east-1"]) {
        const records = await eventually(async () => {
          const found = await history(region);
          return (
            ["CreateLoginProfile", "Encrypt", "GetSessionToken"].every((name) => found.includes(`"${name}"`)) && found
          );
        });
        assert.deepEqual(inBytes(Buffer.from(records), [...secrets, own]), []);
      }
    });

    test("no role's arguments or environment hold a secret", async () => {
      const own = { what: "administrator's key", bytes: Buffer.from(instance.ready.secretAccessKey) };
      const pids = await descendants(instance.ready.pid);
      assert.ok(pids.length >= 4, "supervisor, api, key holder, jobs");
      for (const pid of pids) {
        for (const file of ["cmdline", "environ"]) {
          const bytes = await readFile(`/proc/${pid}/${file}`).catch(() => Buffer.alloc(0));
          assert.deepEqual(inBytes(bytes, [...secrets, own]), [], `${file} of ${pid}`);
        }
      }
    });

    async function history(region: string): Promise<string> {
      const trail = new CloudTrailClient({ ...instance.client, region });
      let all = "";
      for (let token: string | undefined; ;) {
        const page = await trail.send(new LookupEventsCommand({ NextToken: token }));
        all += (page.Events ?? []).map((event) => event.CloudTrailEvent).join("\n");
        token = page.NextToken;
        if (token === undefined) return all;
      }
    }

    async function inFiles(wanted: readonly Secret[]): Promise<string[]> {
      const found: string[] = [];
      for (const entry of await readdir(instance.dataDir, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        const name = path.slice(instance.dataDir.length + 1);
        for (const what of inBytes(await readFile(path), wanted)) found.push(`${what} in ${name}`);
      }
      return found;
    }
  });

function inBytes(bytes: Buffer, wanted: readonly Secret[]): string[] {
  return wanted.filter((secret) => forms(secret.bytes).some((form) => bytes.includes(form))).map(({ what }) => what);
}

async function descendants(pid: number): Promise<number[]> {
  const own = [pid];
  for (const thread of await readdir(`/proc/${pid}/task`).catch(() => [])) {
    const children = await readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "");
    for (const child of children.split(" ").filter(Boolean)) own.push(...(await descendants(Number(child))));
  }
  return own;
}
