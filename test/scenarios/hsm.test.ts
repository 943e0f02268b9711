/**
 * C1 to C3 from outside: a cluster is made through the AWS API, claimed with the customer's own authority, and used by
 * PKCS #11 applications that know nothing of us; whoever runs the machine and has no PIN gets nothing.
 */
import assert from "node:assert/strict";
import { existsSync, globSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CloudTrail } from "@aws-sdk/client-cloudtrail";
import { KMS } from "@aws-sdk/client-kms";
import { aws } from "../cli.ts";
import { HsmCustomer, missingForHsm, region } from "../hsmCustomer.ts";
import { eventually, type Instance, startInstance } from "../instance.ts";

const skip = await missingForHsm();
/** Where it is installed, it holds the keys unless another is set. */
const softHsm =
  globSync("/usr/lib/{,*/}softhsm/libsofthsm2.so").length > 0 && existsSync("/usr/libexec/p11-kit/p11-kit-remote");
const officer = "officer-4711";
const pin = "alice:alice-secret-1";
const folder = mkdtempSync(join(tmpdir(), "jikimi-hsm-scenario-"));
const at = (name: string): string => join(folder, name);

let instance: Instance;
let customer: HsmCustomer;
let cluster: string;
before(async () => {
  if (skip) return;
  instance = await startInstance();
  customer = new HsmCustomer(instance, folder);
});
after(async () => {
  await instance?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function works(...args: string[]): Promise<string> {
  const ran = await customer.pkcs11(cluster, pin, ...args);
  assert.equal(ran.code, 0, `pkcs11-tool ${args.join(" ")}: ${ran.stderr}`);
  return ran.stdout + ran.stderr;
}

async function refused(who: string | undefined, ...args: string[]): Promise<string> {
  const ran = await customer.pkcs11(cluster, who, ...args);
  assert.notEqual(ran.code, 0, `pkcs11-tool ${args.join(" ")}: ${ran.stdout}`);
  return ran.stdout + ran.stderr;
}

/** Signs as an application does, and lets openssl judge the signature by the public key that was made with the key. */
async function signs(): Promise<void> {
  writeFileSync(at("data"), "pay 100");
  const sign = ["--sign", "--mechanism", "SHA256-RSA-PKCS", "--id", "01"];
  await works(...sign, "--input-file", at("data"), "--output-file", at("signature"));
  await customer.openssl("dgst", "-sha256", "-verify", at("public.pem"), "-signature", at("signature"), at("data"));
}

test("C1: a cluster is created, claimed, activated and used through PKCS #11", { skip }, async () => {
  const subnets = await customer.subnets();
  const cli = (...args: string[]) => aws(instance, ["cloudhsmv2", ...args, "--region", region]);
  const made = await cli("create-cluster", "--hsm-type", "hsm2m.medium", "--mode", "FIPS", "--subnet-ids", ...subnets);
  cluster = made.Cluster.ClusterId;
  await customer.settled(cluster, "UNINITIALIZED");
  assert.equal("hsm" in (await instance.rolePids()), false, "no HSM, no process");
  await customer.createHsm(cluster);
  const { Certificates, Hsms } = await customer.settled(cluster, "UNINITIALIZED", 1);
  const { backend } = (await customer.must(["status"])) as { backend: { description: string } };
  if (softHsm) assert.match(backend.description, /SoftHSM/);
  assert.equal(Hsms![0]!.StateMessage, `HSM created: ${backend.description}.`);
  assert.equal((await customer.seen(cluster)).backend, backend.description);
  writeFileSync(at("request.csr"), Certificates!.ClusterCsr!);
  await customer.openssl("req", "-in", at("request.csr"), "-noout", "-verify");
  writeFileSync(at("root.crt"), Certificates!.ManufacturerHardwareCertificate!);
  writeFileSync(at("hsm.crt"), Certificates!.HsmCertificate!);
  writeFileSync(at("operator.crt"), Certificates!.AwsHardwareCertificate!);
  await customer.openssl("verify", "-CAfile", at("root.crt"), "-untrusted", at("operator.crt"), at("hsm.crt"));

  const signed = await customer.sign(Certificates!.ClusterCsr!);
  const other = await customer.sign(Certificates!.ClusterCsr!);
  writeFileSync(at("signed.crt"), signed.SignedCert);
  writeFileSync(at("anchor.crt"), signed.TrustAnchor);
  writeFileSync(at("other.crt"), other.TrustAnchor);
  const initialize = (anchor: string) =>
    cli(
      "initialize-cluster",
      "--cluster-id",
      cluster,
      "--signed-cert",
      `file://${at("signed.crt")}`,
      "--trust-anchor",
      `file://${at(anchor)}`,
    );
  await assert.rejects(initialize("other.crt"), /CloudHsmInvalidRequestException/);
  assert.equal((await initialize("anchor.crt")).State, "INITIALIZE_IN_PROGRESS");
  await customer.settled(cluster, "INITIALIZED");

  await customer.must(["activate"], officer);
  await customer.settled(cluster, "ACTIVE", 1);
  await customer.createHsm(cluster, "b");
  await customer.settled(cluster, "ACTIVE", 2);
  await customer.must(["user", "create", "alice"], officer, "alice-secret-1");
  const { users } = await customer.must(["user", "list"]);
  assert.deepEqual(users.map(({ name, role }: any) => [name, role]).toSorted(), [
    ["admin", "admin"],
    ["alice", "crypto-user"],
  ]);

  await works("--keypairgen", "--key-type", "RSA:2048", "--id", "01", "--label", "payments", "--usage-sign");
  await works("--read-object", "--type", "pubkey", "--id", "01", "--output-file", at("public.der"));
  await customer.openssl("pkey", "-pubin", "-inform", "DER", "-in", at("public.der"), "-out", at("public.pem"));
  await signs();
  await works("--keygen", "--key-type", "AES:32", "--id", "02", "--label", "vault", "--sensitive");
});

test("C1: keys that were made inside cannot be taken out", { skip }, async () => {
  assert.match(
    await refused(pin, "--read-object", "--type", "secrkey", "--id", "02", "--output-file", at("secret")),
    /CKR_ATTRIBUTE_SENSITIVE/,
  );
  // OpenSC's tool does not fail where it cannot read a private key; it writes none.
  await customer.pkcs11(
    cluster,
    pin,
    "--read-object",
    "--type",
    "privkey",
    "--id",
    "01",
    "--output-file",
    at("private"),
  );
  assert.equal(existsSync(at("private")), false);
});

test("C1: one HSM is killed, the cluster serves on, and it comes back", { skip }, async () => {
  const [victim] = (await customer.seen(cluster)).hsms;
  process.kill(victim!.pid!, "SIGKILL");
  await signs();
  const back = await eventually(async () => {
    const found = (await customer.seen(cluster)).hsms.find(({ hsmId }) => hsmId === victim!.hsmId);
    return found?.alive && found.inStep && found.pid !== victim!.pid && found;
  });
  assert.equal(back.hsmId, victim!.hsmId);
  await signs();
});

test("C2: whoever has no PIN uses nothing, sees nothing, and finds nothing on the disk", { skip }, async () => {
  await refused("alice:wrong-secret", "--list-objects");
  await refused("alice-secret-1", "--list-objects");
  const anonymous = await customer.pkcs11(cluster, undefined, "--list-objects");
  assert.doesNotMatch(anonymous.stdout, /payments|vault/);
  await customer.must(["user", "create", "bob"], officer, "bob-secret-1");
  const { keys } = await customer.must(["key", "list", "--as", "alice"], "alice-secret-1");
  const vault = keys.find(({ label }: { label: string }) => label === "vault");
  assert.deepEqual([vault.kind, vault.class, vault.keyId, vault.extractable], ["AES", "secret", "02", false]);
  const asBob = await customer.pkcs11(cluster, "bob:bob-secret-1", "--list-objects");
  assert.doesNotMatch(asBob.stdout, /Private Key|Secret Key/, "a user's keys are that user's");
  await customer.must(["key", "share", vault.id, "bob", "--as", "alice"], "alice-secret-1");
  const shared = await customer.pkcs11(cluster, "bob:bob-secret-1", "--list-objects");
  assert.match(shared.stdout, /vault/);
  assert.doesNotMatch(shared.stdout, /payments/);
  await customer.must(["key", "unshare", vault.id, "bob", "--as", "alice"], "alice-secret-1");

  // A key whose bytes are known is put in, and looked for in every file.
  const canary = Buffer.from("canary-4711-canary-4711-canary-1");
  writeFileSync(at("canary"), canary);
  await works(
    "--write-object",
    at("canary"),
    "--type",
    "secrkey",
    "--key-type",
    "AES:32",
    "--id",
    "03",
    "--label",
    "canary",
  );
  const files = globSync("**/*", { cwd: instance.dataDir }).map((name) => join(instance.dataDir, name));
  for (const file of files.filter((each) => lstatSync(each, { throwIfNoEntry: false })?.isFile())) {
    const bytes = readFileSync(file);
    assert.ok(
      !bytes.includes(canary) &&
        !bytes.includes(canary.toString("hex")) &&
        !bytes.includes(canary.toString("base64").slice(0, 40)),
      file,
    );
    assert.ok(!bytes.includes("alice-secret-1") && !bytes.includes(officer), file);
  }
});

test(
  "C1: a backup makes another cluster with the same users and keys, and opens to nobody else",
  { skip },
  async () => {
    const { Hsms } = (await customer.cluster(cluster))!;
    for (const { HsmId } of Hsms!) await customer.hsm.deleteHsm({ ClusterId: cluster, HsmId: HsmId! });
    await eventually(async () => (await customer.cluster(cluster))!.Hsms!.length === 0);
    const { Backups } = await customer.hsm.describeBackups({ Filters: { clusterIds: [cluster] } });
    assert.ok(Backups!.length >= 3, "activated, an HSM more, HSMs less");
    await customer.hsm.deleteCluster({ ClusterId: cluster });
    await customer.settled(cluster, "DELETED");
    assert.deepEqual((await customer.must(["status"])).clusters, []);
    cluster = await customer.createCluster({ SourceBackupId: Backups![0]!.BackupId });
    await customer.settled(cluster, "ACTIVE");
    await customer.createHsm(cluster, "b");
    const { Certificates } = await customer.settled(cluster, "ACTIVE", 1);
    assert.equal(Certificates!.ClusterCertificate, readFileSync(at("signed.crt"), "utf8"));
    await signs();
    await refused("alice:wrong-secret", "--list-objects");
  },
);

test(
  "C3: side by side, KMS's keys are governed by policy, and an HSM's by nobody but their user",
  { skip },
  async () => {
    const kms = new KMS({ ...instance.client, region });
    const { KeyMetadata } = await kms.createKey({});
    const { CiphertextBlob } = await kms.encrypt({ KeyId: KeyMetadata!.KeyId, Plaintext: Buffer.from("x") });
    const { Plaintext } = await kms.decrypt({ CiphertextBlob });
    assert.equal(Buffer.from(Plaintext!).toString(), "x", "the account's administrator uses KMS's key without a PIN");
    // The same administrator, and the operator with the socket, hold no word that opens alice's keys.
    const asked = await customer.jikimi(
      ["user", "change-password", "alice", "--as", "admin"],
      "not-the-officer",
      "new-secret-1",
    );
    assert.equal(asked.code, 1);
    assert.match(asked.stderr, /login-refused/);
    await signs();
    const trail = new CloudTrail({ ...instance.client, region });
    for (const AttributeValue of ["CreateCluster", "CreateHsm", "InitializeCluster", "DeleteHsm"]) {
      const [event] = await eventually(async () => {
        const { Events } = await trail.lookupEvents({
          LookupAttributes: [{ AttributeKey: "EventName", AttributeValue }],
        });
        return Events!.length > 0 && Events!;
      });
      assert.equal(event!.EventSource, "cloudhsm.amazonaws.com");
    }
  },
);
