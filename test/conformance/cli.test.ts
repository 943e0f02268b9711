/** The command line against a real installation: what is printed, what is kept, what is refused. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, afterEach, before, describe, test } from "node:test";
import { DecryptCommand, EncryptCommand, CreateKeyCommand, KMSClient, ListKeysCommand } from "@aws-sdk/client-kms";
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { isInstalled } from "../cli.ts";
import { repository, startInstance, type Instance } from "../instance.ts";

const main = join(repository, "src/cli/main.ts");

interface Said {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Longest that one command may take on a busy machine. */
const timeout = 90_000;

function say(args: readonly string[], more: { env?: NodeJS.ProcessEnv; input?: string } = {}): Said {
  const env = { ...process.env, LANG: "C", ...more.env };
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: "utf8",
    env,
    timeout,
    ...(more.input === undefined ? {} : { input: more.input }),
  });
  return { code: status, stdout, stderr };
}

const json = (args: readonly string[]): any => JSON.parse(say([...args, "--json"]).stdout);

describe("a running installation", () => {
  let instance: Instance;
  let data: string[];
  before(async () => {
    instance = await startInstance({ args: ["--adjustable-clock"] });
    data = ["--data", instance.dataDir];
  });
  after(() => instance?.stop());

  test("one JSON line says where it is, and who may enter", () => {
    assert.deepEqual(Object.keys(instance.ready), [
      "endpoint",
      "consoleUrl",
      "accountId",
      "region",
      "accessKeyId",
      "secretAccessKey",
      "pid",
    ]);
    assert.match(instance.ready.accountId, /^\d{12}$/);
  });

  test("credentials are kept for this user alone", () => {
    const path = join(instance.dataDir, "credentials");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.ok(readFileSync(path, "utf8").includes(instance.ready.secretAccessKey));
    assert.equal(statSync(join(instance.dataDir, "run.json")).mode & 0o777, 0o600);
    assert.equal(statSync(join(instance.dataDir, "run/admin.sock")).mode & 0o777, 0o600);
  });

  test("no secret is among the arguments of a process", async () => {
    for (const pid of [instance.ready.pid, ...Object.values(await instance.rolePids())]) {
      assert.ok(!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(instance.ready.secretAccessKey));
    }
  });

  test("status", () => {
    const status = json(["status", ...data]);
    assert.equal(status.endpoint, instance.ready.endpoint);
    assert.equal(status.pid, instance.ready.pid);
    assert.match(say(["status", ...data]).stdout, new RegExp(instance.ready.endpoint));
    assert.match(say(["status", ...data, "--lang", "ko"]).stdout, /계정 ID/);
  });

  test("a second one on the same folder is refused", () => {
    const { code, stderr } = say(["up", ...data, "--port", "0"]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`already runs on .*, process ${instance.ready.pid}`));
    assert.equal(json(["status", ...data]).pid, instance.ready.pid);
  });

  test("another one on the same port is refused before it touches anything", () => {
    const folder = mkdtempSync(join(tmpdir(), "jikimi-second-"));
    try {
      const { code, stderr } = say(["up", "--data", folder, "--port", new URL(instance.endpoint).port]);
      assert.equal(code, 1);
      assert.match(stderr, /port \d+ is taken\n {2}why: process \d+ listens on it: .*node/);
      assert.deepEqual(readdirSync(folder), ["run"]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("env points the AWS CLI here", async (t) => {
    if (!(await isInstalled("aws"))) return t.skip("no AWS CLI");
    const { stdout } = say(["env", ...data, "--shell", "sh"], { env: { SHELL: "/bin/sh" } });
    const env = { PATH: process.env["PATH"], HOME: instance.dataDir, AWS_PROFILE: "absent" };
    const script = `${stdout}\naws sts get-caller-identity --query Account --output text`;
    const account = execFileSync("sh", ["-c", script], { env, encoding: "utf8", timeout });
    assert.equal(account.trim(), instance.ready.accountId);
  });

  test("the profile points the AWS CLI here", async (t) => {
    if (!(await isInstalled("aws"))) return t.skip("no AWS CLI");
    const home = mkdtempSync(join(tmpdir(), "jikimi-home-"));
    try {
      const env = { HOME: home, AWS_CONFIG_FILE: "", AWS_SHARED_CREDENTIALS_FILE: "" };
      const first = say(["env", "--profile", ...data], { env });
      assert.equal(first.code, 0, first.stderr);
      assert.match(say(["env", "--profile", ...data], { env }).stdout, /was up to date/);
      const args = ["sts", "get-caller-identity", "--profile", "jikimi", "--query", "Account", "--output", "text"];
      const bare = { PATH: process.env["PATH"], HOME: home };
      assert.equal(
        execFileSync("aws", args, { env: bare, encoding: "utf8", timeout }).trim(),
        instance.ready.accountId,
      );
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });

  test("aws hands on arguments and exit code", async (t) => {
    if (!(await isInstalled("aws"))) return t.skip("no AWS CLI");
    const ok = say([...data, "aws", "sts", "get-caller-identity", "--query", "Account", "--output", "text"]);
    assert.equal(ok.stdout.trim(), instance.ready.accountId, ok.stderr);
    // A service for which version 1 of the AWS CLI has a host name of its own.
    const queue = say([...data, "aws", "sqs", "create-queue", "--queue-name", "here", "--output", "text"]);
    assert.equal(queue.code, 0, queue.stderr);
    assert.equal(queue.stdout.trim(), `${instance.endpoint}/${instance.ready.accountId}/here`);
    const bad = say([...data, "aws", "kms", "describe-key", "--key-id", "alias/absent"]);
    assert.match(bad.stderr, /NotFoundException/);
    assert.notEqual(bad.code, 0);
  });

  test("an AWS CLI without AWS_ENDPOINT_URL is given the endpoint", async (t) => {
    const old = "/usr/bin/aws";
    if (!existsSync(old)) return t.skip(`no ${old}`);
    const env = { PATH: "/usr/bin:/bin" };
    const { stdout, stderr } = say(
      [...data, "aws", "sts", "get-caller-identity", "--query", "Account", "--output", "text"],
      { env },
    );
    assert.equal(stdout.trim(), instance.ready.accountId, stderr);
  });

  test("the root link is for once and in time", () => {
    const link = json(["root", ...data]);
    assert.ok(link.url.startsWith(instance.endpoint));
    assert.ok(link.expiresAt > Date.now());
  });

  test("coverage of one service and of all", () => {
    const { services } = json(["coverage", "kms", ...data]);
    assert.ok(services[0].implemented.includes("Encrypt"));
    assert.match(say(["coverage", ...data]).stdout, /kms +\d+ of \d+/);
    assert.equal(say(["coverage", "nonsense", ...data]).code, 1);
  });

  test("time moves forward and stays", () => {
    const before = json(["status", ...data]).now;
    const moved = json(["time", "+90d", ...data]);
    assert.ok(moved.now - before >= 90 * 86_400_000);
    assert.ok(json(["status", ...data]).now >= moved.now);
  });

  test("why-denied explains a refusal in both languages", async () => {
    const iam = new IAMClient(instance.client);
    await iam.send(new CreateUserCommand({ UserName: "nobody" }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "nobody" }));
    const credentials = { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
    const kms = new KMSClient({ ...instance.client, credentials });
    const refused: any = await kms.send(new ListKeysCommand({})).then(
      () => assert.fail("it was allowed"),
      (error: unknown) => error,
    );
    assert.equal(refused.name, "AccessDeniedException");
    const { requestId } = refused.$metadata;
    const answer = json(["why-denied", requestId, ...data]);
    assert.equal(answer.action, "kms:ListKeys");
    assert.match(answer.principal, /user\/nobody$/);
    const english = say(["why-denied", requestId, ...data]).stdout;
    const korean = say(["why-denied", requestId, ...data, "--lang", "ko"]).stdout;
    assert.match(english, /nobody is not authorized to perform: kms:ListKeys/);
    assert.ok(english.trim().split("\n").length > 1);
    assert.match(korean, /[가-힣]/);
  });

  test("why-denied names the request it does not know", () => {
    const { code, stderr } = say(["why-denied", "00000000-0000-0000-0000-000000000000", ...data]);
    assert.equal(code, 1);
    assert.match(stderr, /No refused call/);
  });

  test("logs of every role", () => {
    const lines = say(["logs", ...data, "--json"])
      .stdout.trim()
      .split("\n");
    assert.ok(lines.length > 0);
    for (const line of lines) assert.doesNotThrow(() => JSON.parse(line));
    assert.ok(!lines.join().includes(instance.ready.secretAccessKey));
  });
});

describe("starting and stopping", () => {
  const folders: string[] = [];
  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), "jikimi-life-"));
    folders.push(made);
    return made;
  };
  afterEach(() => {
    for (const each of folders.splice(0)) {
      say(["down", "--data", each]);
      rmSync(each, { recursive: true, force: true });
    }
  });

  test("--detach returns when it answers; down ends it and leaves nothing running", async () => {
    const dataDir = folder();
    const { code, stdout, stderr } = say(["up", "--detach", "--json", "--data", dataDir, "--port", "0"]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim().split("\n").length, 1);
    const ready = JSON.parse(stdout) as { endpoint: string; pid: number };
    assert.ok((await fetch(ready.endpoint)).status > 0);
    const down = say(["down", "--data", dataDir]);
    assert.equal(down.code, 0, down.stderr);
    await assert.rejects(fetch(ready.endpoint));
    assert.equal(say(["status", "--data", dataDir]).code, 4);
    assert.equal(existsSync(join(dataDir, "run.json")), false);
  });

  test("--detach tells why it did not start", () => {
    const dataDir = folder();
    writeFileSync(join(dataDir, "store.sqlite"), "this is no database".repeat(1000));
    const { code, stderr } = say(["up", "--detach", "--data", dataDir, "--port", "0"]);
    assert.equal(code, 1);
    assert.match(stderr, /the api role did not start\n {2}why: .+/);
  });

  test("the clock stands still for everybody without --adjustable-clock", () => {
    const dataDir = folder();
    assert.equal(say(["up", "--detach", "--data", dataDir, "--port", "0"]).code, 0);
    const { code, stderr } = say(["time", "+1d", "--data", dataDir]);
    assert.equal(code, 1);
    assert.match(stderr, /--adjustable-clock/);
  });

  test("after kill -9 the next start finds everything, and the secret is not shown again", async () => {
    const dataDir = folder();
    const first = say(["up", "--detach", "--data", dataDir, "--port", "0"]);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /secret access key/);
    const { pid } = json(["status", "--data", dataDir]);
    process.kill(pid, "SIGKILL");
    const second = say(["up", "--detach", "--data", dataDir, "--port", "0"]);
    assert.equal(second.code, 0, second.stderr);
    assert.doesNotMatch(second.stdout, /secret access key|root password/);
    assert.match(second.stdout, /kept in .*credentials/);
    const key = (text: string) => /AKIA\w+/.exec(text)?.[0];
    assert.equal(key(second.stdout), key(first.stdout));
  });

  test("a passphrase seals, and only it unseals", async () => {
    const dataDir = folder();
    const file = join(dataDir, "..", `passphrase-${process.pid}`);
    writeFileSync(file, "correct horse\n", { mode: 0o600 });
    try {
      const up = say(["up", "--detach", "--json", "--data", dataDir, "--port", "0", "--passphrase-file", file]);
      assert.equal(up.code, 0, up.stderr);
      const { endpoint, region, accessKeyId, secretAccessKey } = JSON.parse(up.stdout);
      const kms = new KMSClient({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 });
      const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
      const encrypt = () => kms.send(new EncryptCommand({ KeyId: KeyMetadata!.KeyId!, Plaintext: Buffer.from("x") }));
      await encrypt();
      assert.equal(say(["seal", "--data", dataDir]).code, 0);
      assert.equal(json(["status", "--data", dataDir]).seal.sealed, true);
      await assert.rejects(encrypt());
      assert.equal(say(["unseal", "--data", dataDir], { input: "wrong horse\n" }).code, 1);
      assert.equal(say(["unseal", "--data", dataDir], { input: "" }).code, 2);
      assert.equal(json(["status", "--data", dataDir]).seal.sealed, true);
      const unsealed = say(["unseal", "--data", dataDir], { input: "correct horse\n" });
      assert.equal(unsealed.code, 0, unsealed.stderr);
      await encrypt();
    } finally {
      rmSync(file, { force: true });
    }
  });

  test("one role alone says where it is and drains at SIGTERM", async () => {
    const child = spawn(process.execPath, [main, "run", "--role", "api", "--json", "--data", folder(), "--port", "0"]);
    const ready: any = await new Promise((resolve) =>
      createInterface({ input: child.stdout }).on("line", (line) => {
        const value = JSON.parse(line) as { endpoint?: string };
        if (value.endpoint !== undefined) resolve(value);
      }),
    );
    assert.equal(ready.role, "api");
    assert.ok((await fetch(ready.endpoint)).status > 0);
    child.kill("SIGTERM");
    assert.equal(await new Promise((resolve) => child.once("exit", resolve)), 0);
  });

  test("an ephemeral one leaves nothing", async () => {
    const dataDir = join(folder(), "d");
    const child = spawn(process.execPath, [main, "up", "--ephemeral", "--json", "--data", dataDir, "--port", "0"]);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    assert.ok(existsSync(join(dataDir, "store.sqlite")));
    child.kill("SIGINT");
    const code = await new Promise((resolve) => child.once("exit", resolve));
    assert.equal(code, 0);
    assert.equal(existsSync(dataDir), false);
  });
});

test("drill: a backup restored elsewhere decrypts and serves what the first one held", async () => {
  const first = await startInstance();
  const place = mkdtempSync(join(tmpdir(), "jikimi-backup-"));
  const backup = join(place, "backup");
  let second: Instance | undefined;
  try {
    const kms = new KMSClient(first.client);
    const s3 = new S3Client(first.s3Client);
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    const { CiphertextBlob } = await kms.send(
      new EncryptCommand({ KeyId: KeyMetadata!.KeyId!, Plaintext: Buffer.from("kept") }),
    );
    await s3.send(new CreateBucketCommand({ Bucket: "drill" }));
    await s3.send(new PutObjectCommand({ Bucket: "drill", Key: "a", Body: Buffer.alloc(300_000, "body") }));
    const made = say(["backup", backup, "--data", first.dataDir]);
    assert.equal(made.code, 0, made.stderr);
    assert.equal(say(["backup", backup, "--data", first.dataDir]).code, 1, "never over another backup");
    assert.equal(statSync(`${backup}.keys`).mode & 0o777, 0o600);
    await first.stop();

    const dataDir = join(place, "restored");
    const restored = say(["restore", backup, "--data", dataDir]);
    assert.equal(restored.code, 0, restored.stderr);
    const again = say(["restore", backup, "--data", dataDir]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /not empty/);
    second = await startInstance({ dataDir });
    assert.equal(second.ready.accessKeyId, first.ready.accessKeyId);
    const { Plaintext } = await new KMSClient(second.client).send(new DecryptCommand({ CiphertextBlob }));
    assert.equal(Buffer.from(Plaintext!).toString(), "kept");
    const { Body } = await new S3Client(second.s3Client).send(new GetObjectCommand({ Bucket: "drill", Key: "a" }));
    assert.deepEqual(Buffer.from(await Body!.transformToByteArray()), Buffer.alloc(300_000, "body"));

    // One changed byte anywhere, and nothing is restored.
    const blob = readdirSync(join(backup, "blobs"), { recursive: true, withFileTypes: true }).find((each) =>
      each.isFile(),
    )!;
    const path = join(blob.parentPath, blob.name);
    const bytes = readFileSync(path);
    bytes[0]! ^= 1;
    writeFileSync(path, bytes);
    const damaged = say(["restore", backup, "--data", join(place, "damaged")]);
    assert.equal(damaged.code, 1);
    assert.match(damaged.stderr, /the backup is damaged\n {2}why: .* was changed/);
    assert.equal(existsSync(join(place, "damaged")), false);
  } finally {
    await first.stop().catch(() => {});
    await second?.stop();
    rmSync(place, { recursive: true, force: true });
  }
});
