/**
 * Somebody with a copy of the disk, under a passphrase seal: what they can read, and what putting things elsewhere in
 * the database brings them. What is not protected is said in docs/threat-model.md.
 */
import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CreateKeyCommand, DecryptCommand, EncryptCommand } from "@aws-sdk/client-kms";
import { CreateBucketCommand, GetObjectCommand, ListBucketsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { CreateLoginProfileCommand } from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand, GetSessionTokenCommand } from "@aws-sdk/client-sts";
import { filesWith } from "../dataFolder.ts";
import { startInstance, type Instance } from "../instance.ts";
import { operator } from "../operator.ts";
import { administrator, credentialsOf, person, refusal, user, type Credentials, type Person } from "./people.ts";

const passphrase = "an attacker does not know this one";
const password = "Canary-Password-4711";
const plaintext = "canary of a plaintext under a key";
const body = "canary of an object's body, long enough to be found again";

let folder: string;
let dataDir: string;
let args: string[];
let instance: Instance | undefined;
let admin: Person;
let mallory: Person;
let session: Credentials;
let keyId: string;
let ciphertext: Uint8Array;
let other: { keyId: string; ciphertext: Uint8Array };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "jikimi-disk-"));
  dataDir = join(folder, "data");
  const file = join(folder, "passphrase");
  await writeFile(file, `${passphrase}\n`, { mode: 0o600 });
  args = ["--passphrase-file", file];
  // The most careless umask: what is private is so by its own doing.
  const mask = process.umask(0);
  try {
    instance = await startInstance({ dataDir, args });
  } finally {
    process.umask(mask);
  }
  admin = administrator(instance);
  mallory = await user(instance, admin, "mallory", { Effect: "Allow", Action: "s3:*", Resource: "*" });
  await admin.iam.send(new CreateLoginProfileCommand({ UserName: "mallory", Password: password }));
  session = credentialsOf((await mallory.sts.send(new GetSessionTokenCommand({}))).Credentials);
  const make = async () => {
    const KeyId = (await admin.kms.send(new CreateKeyCommand({}))).KeyMetadata!.KeyId!;
    const Plaintext = Buffer.from(plaintext);
    return {
      keyId: KeyId,
      ciphertext: (await admin.kms.send(new EncryptCommand({ KeyId, Plaintext }))).CiphertextBlob!,
    };
  };
  ({ keyId, ciphertext } = await make());
  other = await make();
  await admin.s3.send(new CreateBucketCommand({ Bucket: "disk" }));
  for (const Key of ["one", "two"])
    await admin.s3.send(new PutObjectCommand({ Bucket: "disk", Key, Body: `${body} ${Key}` }));
});
after(async () => {
  await instance?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Name and mode of what somebody else on the machine could open. */
async function openToOthers(path: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of ["", ...(await readdir(path, { recursive: true }))]) {
    const { mode } = await stat(join(path, name));
    if ((mode & 0o077) !== 0) found.push(`${name} ${(mode & 0o777).toString(8)}`);
  }
  return found;
}

test("nothing in the data folder or in a backup is open to other users, sockets included", async () => {
  assert.deepEqual(await openToOthers(dataDir), []);
  const path = join(folder, "backup");
  await operator(instance!, "POST", "/_jikimi/backup", { path });
  assert.deepEqual(await openToOthers(path), []);
});

test("no process leaves its memory in a core file, and none carries secrets in arguments or environment", async () => {
  const children = async (pid: number) => {
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
    return text.trim().split(" ").filter(Boolean).map(Number);
  };
  const roles = await children(instance!.ready.pid);
  const pids = [...roles, ...(await Promise.all(roles.map(children))).flat()];
  assert.ok(pids.length >= 3, "the api role, the jobs role and the key holder");
  const { secretAccessKey } = instance!.ready;
  for (const pid of pids) {
    assert.match(await readFile(`/proc/${pid}/limits`, "utf8"), /Max core file size\s+0\s+0/);
    for (const file of ["cmdline", "environ"]) {
      const text = await readFile(`/proc/${pid}/${file}`, "utf8");
      assert.ok(!text.includes(passphrase) && !text.includes(secretAccessKey), `${file} of ${pid}`);
    }
  }
});

test("passphrase, passwords, secret keys, tokens, plaintexts and bodies are in no file", async () => {
  const { secretAccessKey } = mallory.credentials;
  const secrets = {
    passphrase,
    password,
    secretAccessKey,
    session: session.secretAccessKey,
    token: session.sessionToken!,
    plaintext,
    body,
  };
  for (const [what, secret] of Object.entries(secrets)) assert.deepEqual(await filesWith(dataDir, secret), [], what);
  const inClear = await filesWith(dataDir, instance!.ready.secretAccessKey);
  assert.deepEqual(inClear, [join(dataDir, "credentials")], "the one file that says it holds it");
});

describe("put elsewhere in the database", () => {
  let broken: Instance | undefined;
  let changed: string;
  after(() => broken?.stop());

  /** A copy of the stopped installation, changed by hand, and started again. */
  async function tampered(change: (database: DatabaseSync) => void): Promise<Instance> {
    await broken?.stop();
    await instance?.stop();
    instance = undefined;
    changed = join(folder, `changed-${Math.random().toString(36).slice(2)}`);
    await cp(dataDir, changed, { recursive: true });
    const database = new DatabaseSync(join(changed, "store.sqlite"));
    change(database);
    database.close();
    broken = await startInstance({ dataDir: changed, args });
    return broken;
  }

  const read = (database: DatabaseSync, type: string, id: string) => {
    const row = database.prepare("select value from documents where type = ? and id like ?").get(type, id);
    return JSON.parse((row as { value: string }).value) as Record<string, any>;
  };
  const write = (database: DatabaseSync, type: string, id: string, value: object) =>
    database
      .prepare("update documents set value = ? where type = ? and id like ?")
      .run(JSON.stringify(value), type, id);

  test("the secret of one's own access key does not open somebody else's", async () => {
    const victim = admin.credentials.accessKeyId;
    const copy = await tampered((database) => {
      const { secret } = read(database, "accessKey", mallory.credentials.accessKeyId);
      write(database, "accessKey", victim, { ...read(database, "accessKey", victim), secret });
    });
    const secretAccessKey = mallory.credentials.secretAccessKey;
    const thief = person(copy, { accessKeyId: victim, secretAccessKey });
    assert.notEqual(await refusal(thief.sts.send(new GetCallerIdentityCommand({}))), "");
    const same = person(copy, mallory.credentials);
    assert.equal(await refusal(same.s3.send(new ListBucketsCommand({}))), "", "what was left alone still works");
  });

  test("the secret of one session does not open another", async () => {
    const copy = await tampered((database) => {
      const mine = read(database, "session", session.accessKeyId);
      const forged = { ...mine, principal: { ...mine["principal"], accessKeyId: "ASIAFORGEDFORGEDFORG" } };
      const columns = "account, region, service, type, version, expires_at, indexed";
      database
        .prepare(
          `insert into documents (id, value, ${columns}) select 'ASIAFORGEDFORGEDFORG', ?, ${columns} from documents where type = 'session' and id = ?`,
        )
        .run(JSON.stringify(forged), session.accessKeyId);
    });
    const thief = person(copy, { ...session, accessKeyId: "ASIAFORGEDFORGEDFORG" });
    assert.notEqual(await refusal(thief.sts.send(new GetCallerIdentityCommand({}))), "");
    assert.equal(await refusal(person(copy, session).sts.send(new GetCallerIdentityCommand({}))), "");
  });

  test("the material of one key does not serve as another's", async () => {
    const copy = await tampered((database) => {
      const { versions } = read(database, "key", keyId);
      write(database, "key", other.keyId, { ...read(database, "key", other.keyId), versions });
    });
    const { kms } = administrator(copy);
    assert.equal(await refusal(kms.send(new DecryptCommand({ CiphertextBlob: ciphertext }))), "");
    const tried = [
      new DecryptCommand({ CiphertextBlob: other.ciphertext }),
      new DecryptCommand({ CiphertextBlob: ciphertext, KeyId: other.keyId }),
      new EncryptCommand({ KeyId: other.keyId, Plaintext: Buffer.from("x") }),
    ];
    for (const command of tried) assert.notEqual(await refusal(kms.send(command as never)), "");
  });

  test("an object under another object's name is not readable", async () => {
    const copy = await tampered((database) => {
      const { bodies, encryption } = read(database, "object", "%one");
      write(database, "object", "%two", { ...read(database, "object", "%two"), bodies, encryption });
    });
    const { s3 } = administrator(copy);
    const text = async (Key: string) => {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: "disk", Key }));
      return await Body!.transformToString();
    };
    assert.equal(await text("one"), `${body} one`);
    await assert.rejects(text("two"));
  });
});
