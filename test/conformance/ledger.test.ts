/**
 * T3: what keys cost. Every call of KMS is counted once, in AWS's price class, across restarts and `kill -9`; keys are
 * counted by the hour with their first two rotations; who asks sees what is on their own bill.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { IAM } from "@aws-sdk/client-iam";
import { KMS } from "@aws-sdk/client-kms";
import { Organizations } from "@aws-sdk/client-organizations";
import { S3 } from "@aws-sdk/client-s3";
import { STS } from "@aws-sdk/client-sts";
import type { LedgerReport } from "../../src/roles/ledgerReport.ts";
import { run } from "../cli.ts";
import { eventually, repository, startInstance, type Instance } from "../instance.ts";
import { advance, operator } from "../operator.ts";
import { own } from "../ownApi.ts";

const dayMs = 86_400_000;
const Plaintext = Buffer.from("text");

let dataDir: string;
let instance: Instance;
let kms: KMS;
/** A symmetric key that has been used. */
let usedKey: string;

async function start(): Promise<void> {
  instance = await startInstance({ dataDir, args: ["--adjustable-clock"] });
  kms = new KMS(instance.client);
}
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "jikimi-ledger-"));
  await start();
});
after(async () => {
  await instance?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const report = (query = ""): Promise<LedgerReport> => operator(instance, "GET", `/_jikimi/ledger${query}`);

type Counts = Record<string, number>;

/** Requests by class, of an account in a Region; of the administrator's own unless told. */
async function requests({
  account = instance.ready.accountId,
  region = instance.ready.region,
  month = "",
} = {}): Promise<Counts> {
  const { accounts } = await report(month === "" ? "" : `?month=${month}`);
  const lines = accounts
    .find((each) => each.account === account)
    ?.regions.find((each) => each.region === region)?.lines;
  const counted = (lines ?? []).filter(({ item }) => item === "requests");
  return Object.fromEntries(counted.map(({ of, quantity }) => [of!, quantity]));
}

async function keyHours(): Promise<number> {
  const { accounts } = await report();
  const bill = accounts.find(({ account }) => account === instance.ready.accountId)!;
  return bill.regions
    .flatMap(({ lines }) => lines.filter(({ item }) => item === "keys"))
    .map((each) => each.quantity)[0]!;
}

/** What the counts rise by, once the marker's call, which is the last of them, has been counted. */
async function risen(before: Counts, expected: Counts): Promise<void> {
  const wanted = { ...before };
  for (const [of, count] of Object.entries(expected)) wanted[of] = (wanted[of] ?? 0) + count;
  await eventually(async () => {
    const now = await requests();
    assert.deepEqual(now, wanted);
    return true;
  });
}

test("every served call is counted once, in its price class; refused ones are not", async () => {
  const [symmetric, rsa, ecc, mac] = await Promise.all([
    kms.createKey({}),
    kms.createKey({ KeySpec: "RSA_2048", KeyUsage: "SIGN_VERIFY" }),
    kms.createKey({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" }),
    kms.createKey({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" }),
  ]);
  const idOf = ({ KeyMetadata }: typeof symmetric): string => KeyMetadata!.KeyId!;
  await risen({}, { symmetric: 4 });
  usedKey = symmetric.KeyMetadata!.Arn!;
  const before = await requests();
  const KeyId = idOf(symmetric);
  for (let i = 0; i < 7; i++) await kms.encrypt({ KeyId, Plaintext });
  await assert.rejects(kms.encrypt({ KeyId: idOf(mac), Plaintext }), { name: "InvalidKeyUsageException" });
  await assert.rejects(kms.describeKey({ KeyId: "00000000-0000-0000-0000-000000000000" }));
  const pss = { Message: Plaintext, SigningAlgorithm: "RSASSA_PSS_SHA_256" as const };
  for (let i = 0; i < 3; i++) await kms.sign({ KeyId: idOf(rsa), ...pss });
  await kms.getPublicKey({ KeyId: idOf(rsa) });
  for (let i = 0; i < 2; i++) {
    await kms.sign({ KeyId: idOf(ecc), Message: Plaintext, SigningAlgorithm: "ECDSA_SHA_256" });
  }
  await kms.generateMac({ KeyId: idOf(mac), Message: Plaintext, MacAlgorithm: "HMAC_SHA_256" });
  await kms.describeKey({ KeyId: idOf(ecc) });
  await kms.generateDataKeyPair({ KeyId, KeyPairSpec: "ECC_NIST_P256" });
  await kms.generateDataKeyPairWithoutPlaintext({ KeyId, KeyPairSpec: "RSA_2048" });
  await risen(before, {
    symmetric: 9,
    "rsa-2048": 4,
    asymmetric: 2,
    "ecc-key-pair": 1,
    "rsa-key-pair": 1,
  });
});

test("what S3 does with a key for its caller is on the caller's bill; what it does with its own is on nobody's", async () => {
  const before = await requests();
  const s3 = new S3(instance.s3Client);
  await s3.createBucket({ Bucket: "ledger" });
  await s3.putObject({ Bucket: "ledger", Key: "owned", Body: "text" });
  await s3.putObject({ Bucket: "ledger", Key: "managed", Body: "text", ServerSideEncryption: "aws:kms" });
  await (await s3.getObject({ Bucket: "ledger", Key: "managed" })).Body!.transformToString();
  await (await s3.getObject({ Bucket: "ledger", Key: "owned" })).Body!.transformToString();
  await risen(before, { symmetric: 2 });
});

test("counts stay exact through kill -9 under load", async () => {
  const before = await requests();
  const { KeyMetadata } = await kms.createKey({});
  await risen(before, { symmetric: 1 });
  const settled = await requests();
  let answered = 0;
  for (let round = 0; round < 2; round++) {
    const calls = Array.from({ length: 60 }, () =>
      kms.encrypt({ KeyId: KeyMetadata!.KeyId, Plaintext }).then(() => void answered++),
    );
    await Promise.all(calls);
    await instance.kill();
    await start();
  }
  await risen(settled, { symmetric: answered });
});

test("a key costs by the hour, with two rotations, until its deletion is scheduled; cancelled, as if it never had been", async () => {
  // The first minute of an hour, so that no hour ends in between.
  const intoHour = Number((await operator(instance, "GET", "/_jikimi/status")).now) % 3_600_000;
  await advance(instance, 3_600_000 - intoHour + 60_000);
  const before = await keyHours();
  const { accounts } = await report();
  const { count } = accounts.find(({ account }) => account === instance.ready.accountId)!.keys;
  const { KeyMetadata } = await kms.createKey({});
  const KeyId = KeyMetadata!.KeyId!;
  assert.equal(await keyHours(), before + 1);
  for (let rotation = 1; rotation <= 3; rotation++) {
    await kms.rotateKeyOnDemand({ KeyId });
    assert.equal(await keyHours(), before + 1 + Math.min(2, rotation), `${rotation} rotations`);
  }
  const bill = (await report()).accounts.find(({ account }) => account === instance.ready.accountId)!;
  assert.deepEqual(bill.keys.count, count + 1);
  await kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
  await advance(instance, 3_600_000);
  const others = count;
  const stopped = await keyHours();
  assert.equal(stopped, before + 3 + others, "the hour that has begun counts, the next does not");
  await kms.cancelKeyDeletion({ KeyId });
  assert.equal(await keyHours(), stopped + 3, "as if it had never been scheduled");
  // Gone for good, and what it cost stays on the bill of its month.
  await kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
  const month = new Date(Number((await operator(instance, "GET", "/_jikimi/status")).now)).toISOString().slice(0, 7);
  const hoursOf = async () => {
    const { accounts: all } = await report(`?month=${month}`);
    return all.flatMap(({ regions }) => regions.flatMap(({ lines }) => lines)).find(({ item }) => item === "keys")!
      .quantity;
  };
  await advance(instance, 40 * dayMs);
  const withPending = await hoursOf();
  await eventually(async () =>
    kms.describeKey({ KeyId }).then(
      () => false,
      ({ name }) => name === "NotFoundException",
    ),
  );
  assert.equal(await hoursOf(), withPending);
  // Forty days on, the keys that nobody used are pointed out; this one is gone.
  const unused = (await report()).accounts.find(({ account }) => account === instance.ready.accountId)!.unusedKeys;
  assert.ok(
    unused.length >= 4 && unused.every((key) => key.idleDays >= 40 && key.monthlyUsd === 1),
    JSON.stringify(unused),
  );
  assert.ok(unused.every(({ arn }) => !arn.endsWith(KeyId)));
  const used = unused.find(({ arn }) => arn === usedKey)!;
  assert.ok(used.lastUsedAt! > used.createdAt - 1_000);
  await kms.encrypt({ KeyId: used.arn, Plaintext });
  await eventually(async () => {
    const now = (await report()).accounts.find(({ account }) => account === instance.ready.accountId)!.unusedKeys;
    return !now.some(({ arn }) => arn === used.arn);
  });
});

test("who signs the request sees what is on their bill: a policy decides, a payer sees its members, a member itself", async () => {
  const iam = new IAM(instance.client);
  await iam.createUser({ UserName: "clerk" });
  const { AccessKey } = await iam.createAccessKey({ UserName: "clerk" });
  const clerk = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
  const refused = await own(instance, "ledger", {}, clerk);
  assert.deepEqual([refused.status, refused.body.code], [400, "AccessDeniedException"]);
  assert.match(refused.body.message, /is not authorized to perform: jikimi:GetLedger/);
  const PolicyDocument = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "jikimi:GetLedger", Resource: "*" }],
  });
  await iam.putUserPolicy({ UserName: "clerk", PolicyName: "ledger", PolicyDocument });
  const seen = await own(instance, "ledger", {}, clerk);
  assert.equal(seen.status, 200);
  assert.deepEqual(seen.body.accounts, (await report()).accounts);
  const wrong = await own(instance, "ledger", {}, { ...clerk, secretAccessKey: "wrong" });
  assert.equal(wrong.body.code, "InvalidSignatureException");
  assert.equal((await fetch(`${instance.endpoint}/_jikimi/ledger`)).ok, false);

  const organizations = new Organizations(instance.client);
  await organizations.createOrganization({ FeatureSet: "ALL" });
  const { CreateAccountStatus } = await organizations.createAccount({ AccountName: "member", Email: "m@example.com" });
  const account = await eventually(async () => {
    const { CreateAccountStatus: now } = await organizations.describeCreateAccountStatus({
      CreateAccountRequestId: CreateAccountStatus!.Id,
    });
    return now!.State === "SUCCEEDED" && now!.AccountId!;
  });
  const { Credentials } = await new STS(instance.client).assumeRole({
    RoleArn: `arn:aws:iam::${account}:role/OrganizationAccountAccessRole`,
    RoleSessionName: "payer",
  });
  const credentials = {
    accessKeyId: Credentials!.AccessKeyId!,
    secretAccessKey: Credentials!.SecretAccessKey!,
    sessionToken: Credentials!.SessionToken!,
  };
  const member = new KMS({ ...instance.client, credentials });
  const { KeyMetadata } = await member.createKey({});
  // A key of the payer's account, used by the member: on the bill of whoever made the request.
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: [instance.ready.accountId, account] }, Action: "kms:*", Resource: "*" },
    ],
  });
  const shared = await kms.createKey({ Policy });
  await member.encrypt({ KeyId: shared.KeyMetadata!.Arn, Plaintext });
  await eventually(async () => {
    assert.deepEqual(await requests({ account }), { symmetric: 2 });
    return true;
  });
  const ofMember = await own(instance, "ledger", {}, credentials);
  assert.deepEqual(
    ofMember.body.accounts.map((each: { account: string }) => each.account),
    [account],
  );
  assert.equal(ofMember.body.accounts[0].keys.count, 1);
  const ofPayer = await own(instance, "ledger");
  const paidFor = ofPayer.body.accounts.map((each: { account: string }) => each.account);
  assert.deepEqual(paidFor.toSorted(), [instance.ready.accountId, account].toSorted());
  assert.ok(KeyMetadata!.Arn!.includes(account));
});

test("bad months and bad price files are refused with the reason; the operator's prices are used, and said to be", async () => {
  for (const month of ["2026-13", "x", "", "2026-11-01"]) {
    const refused = await own(instance, "ledger", { month });
    assert.deepEqual([refused.status, refused.body.code], [400, "InvalidRequest"], month);
  }
  assert.equal((await own(instance, "ledger", { month: "1999-01" })).body.totalUsd, 0);
  const before = await report();
  assert.deepEqual([before.prices.edited, before.prices.asOf], [false, "2026-11-24"]);
  const file = join(dataDir, "prices.json");
  await writeFile(file, JSON.stringify({ default: { keyMonth: 10 } }));
  const edited = await report();
  assert.equal(edited.prices.edited, true);
  const line = edited.accounts[0]!.regions.flatMap(({ lines }) => lines).find(({ item }) => item === "keys")!;
  assert.equal(line.priceUsd, 10);
  await writeFile(file, '{"default":{"keyMonth":"free"}}');
  const refused = await own(instance, "ledger");
  assert.deepEqual([refused.status, refused.body.code], [409, "InvalidPriceTable"]);
  assert.match(refused.body.message, /default\.keyMonth must be a number/);
  await rm(file);
});

test("jikimi ledger: a table in both languages, and JSON", async () => {
  const main = join(repository, "src/cli/main.ts");
  const jikimi = (...args: string[]) =>
    run(process.execPath, [main, "ledger", "--data", dataDir, ...args], process.env);
  const json = JSON.parse((await jikimi("--json")).stdout) as LedgerReport;
  assert.equal(json.accounts.find(({ account }) => account === instance.ready.accountId)!.unpriced, false);
  const english = await jikimi("--lang", "en");
  assert.match(english.stdout, /customer managed keys .*key-hours {2}\$/);
  assert.match(english.stderr, /list prices as of 2026-11-24/);
  assert.match((await jikimi("--lang", "ko")).stdout, /고객 관리형 키/);
  assert.equal((await jikimi("--month", "2026-99")).code, 1);
});
