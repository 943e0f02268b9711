/** Seals that something outside keeps: another KMS (a double that speaks its API), and a TPM (swtpm, where it is installed). */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { silentLogger } from "#kernel/log.ts";
import { startKeyHolder } from "../../client.ts";
import { integrityValue } from "../../stores/xksClient.ts";
import type { SealConfig } from "../seal.ts";

const home = await mkdtemp(join(tmpdir(), "jikimi-outside-"));
const open: { close(): Promise<void> }[] = [];
const ends: (() => void)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((holder) => holder.close()));
  for (const end of ends.splice(0)) end();
});
after(() => rm(home, { recursive: true, force: true }));

async function start(dataDir: string, seal: SealConfig) {
  const holder = await startKeyHolder({ dataDir, seal, logger: silentLogger, waitMs: 30_000 });
  open.push(holder);
  return holder;
}

async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A KMS with one key, which remembers what it has encrypted. */
async function kmsDouble(): Promise<{
  server: Server;
  endpoint: string;
  calls: Record<string, unknown>[];
  deny(yes: boolean): void;
}> {
  const known = new Map<string, string>();
  const calls: Record<string, unknown>[] = [];
  let denied = false;
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const input = JSON.parse(body) as Record<string, string>;
      const operation = String(request.headers["x-amz-target"]).split(".")[1];
      calls.push({ operation, context: input["EncryptionContext"], signed: request.headers["authorization"] });
      const answer = (status: number, value: object): void =>
        void response.writeHead(status).end(JSON.stringify(value));
      if (denied) return answer(400, { __type: "AccessDeniedException", message: "not authorized" });
      if (operation === "Encrypt") {
        const CiphertextBlob = randomBytes(64).toString("base64");
        known.set(CiphertextBlob, input["Plaintext"]!);
        return answer(200, { CiphertextBlob });
      }
      const Plaintext = known.get(input["CiphertextBlob"]!);
      return Plaintext ? answer(200, { Plaintext }) : answer(400, { __type: "InvalidCiphertextException" });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => server.close().closeAllConnections());
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { server, endpoint, calls, deny: (yes) => (denied = yes) };
}

const key = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

test("another KMS keeps the root: it opens by itself, and waits while it is refused", async () => {
  const kms = await kmsDouble();
  process.env["JIKIMI_SEAL_ACCESS_KEY_ID"] = "AKIAIOSFODNN7EXAMPLE";
  process.env["JIKIMI_SEAL_SECRET_ACCESS_KEY"] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  ends.push(() => {
    delete process.env["JIKIMI_SEAL_ACCESS_KEY_ID"];
    delete process.env["JIKIMI_SEAL_SECRET_ACCESS_KEY"];
  });
  const seal = { kind: "kms", key, endpoint: kms.endpoint } as const;
  const dataDir = join(home, "kms");
  const first = await start(dataDir, seal);
  assert.deepEqual(await first.state(), { sealed: false, seal: "kms", development: false });
  const kept = await first.protect("p", "b", Buffer.from("kept"));
  await first.close();
  for (const { context, signed } of kms.calls) {
    assert.deepEqual(context, { purpose: "jikimi seal" });
    assert.match(String(signed), /Credential=AKIAIOSFODNN7EXAMPLE\/\d{8}\/eu-west-1\/kms\/aws4_request/);
  }

  kms.deny(true);
  const second = await start(dataDir, seal);
  const state = await second.state();
  assert.ok(
    state.sealed && /refused Decrypt: AccessDeniedException not authorized/.test(state.reason),
    JSON.stringify(state),
  );
  kms.deny(false);
  await until(async () => !(await second.state()).sealed);
  assert.equal(Buffer.from(await second.reveal("p", "b", kept)).toString(), "kept");

  // Sealed by hand it stays so until somebody opens it.
  await second.seal();
  assert.equal((await second.state()).sealed, true);
  assert.equal((await second.offer({ bytes: Buffer.alloc(0), boxed: false })).sealed, false);

  // A move to a KMS that refuses leaves all as it was.
  kms.deny(true);
  await assert.rejects(second.proposeRekey({ to: seal }), /AccessDenied/);
  kms.deny(false);
  const { id } = await second.proposeRekey({ to: seal });
  await second.confirmRekey(id);
  assert.equal(Buffer.from(await second.reveal("p", "b", kept)).toString(), "kept");
});

test("without credentials it says which", async () => {
  const dataDir = join(home, "bare");
  const holder = await start(dataDir, { kind: "kms", key, endpoint: "http://127.0.0.1:9" });
  const state = await holder.state();
  assert.ok(state.sealed && /JIKIMI_SEAL_ACCESS_KEY_ID/.test(state.reason), JSON.stringify(state));
});

test("an external key manager keeps the root, behind its proxy", async () => {
  const certificate = join(home, "proxy.pem");
  const privateKey = join(home, "proxy.key");
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"];
  const outputs = ["-keyout", privateKey, "-out", certificate];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", ...subject, ...outputs],
    { stdio: "ignore" },
  );
  const external = randomBytes(32);
  let state = "ENABLED";
  const proxy = createTlsServer(
    { cert: readFileSync(certificate), key: readFileSync(privateKey) },
    (request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        const input = JSON.parse(body) as Record<string, string>;
        const answer = (status: number, value: object): void =>
          void response.writeHead(status).end(JSON.stringify(value));
        if (state === "DISABLED") return answer(400, { errorName: "InvalidStateException" });
        const aad = Buffer.from(input["additionalAuthenticatedData"]!, "base64");
        const bytes = (name: string): Buffer => Buffer.from(input[name]!, "base64");
        const [, , operation] =
          /^\/mine\/kms\/xks\/v1\/keys\/(external-1)\/(encrypt|decrypt)$/.exec(request.url!) ?? [];
        if (operation === "encrypt") {
          const iv = randomBytes(12);
          const cipher = createCipheriv("aes-256-gcm", external, iv, { authTagLength: 16 }).setAAD(aad);
          const ciphertext = Buffer.concat([cipher.update(bytes("plaintext")), cipher.final()]);
          const sealed = { ciphertext, metadata: Buffer.from("v1"), iv, tag: cipher.getAuthTag() };
          return answer(200, {
            ciphertext: ciphertext.toString("base64"),
            ciphertextMetadata: sealed.metadata.toString("base64"),
            initializationVector: iv.toString("base64"),
            authenticationTag: sealed.tag.toString("base64"),
            ciphertextDataIntegrityValue: integrityValue(aad, sealed).toString("base64"),
          });
        }
        assert.equal(operation, "decrypt");
        assert.equal(bytes("ciphertextMetadata").toString(), "v1");
        const decipher = createDecipheriv("aes-256-gcm", external, bytes("initializationVector"), {
          authTagLength: 16,
        });
        decipher.setAAD(aad).setAuthTag(bytes("authenticationTag"));
        const plaintext = Buffer.concat([decipher.update(bytes("ciphertext")), decipher.final()]);
        answer(200, { plaintext: plaintext.toString("base64") });
      });
    },
  );
  await new Promise<void>((resolve) => proxy.listen(0, "localhost", resolve));
  const names = { ACCESS_KEY_ID: "ABCDEFGHIJKLMNOPQRST", SECRET_ACCESS_KEY: "x".repeat(43), CA_FILE: certificate };
  for (const [name, value] of Object.entries(names)) process.env[`JIKIMI_SEAL_${name}`] = value;
  ends.push(() => {
    proxy.close().closeAllConnections();
    for (const name of Object.keys(names)) delete process.env[`JIKIMI_SEAL_${name}`];
  });
  const endpoint = `https://localhost:${(proxy.address() as AddressInfo).port}`;
  const seal = { kind: "xks", endpoint, path: "/mine/kms/xks/v1", key: "external-1" } as const;
  const holder = await start(join(home, "xks"), seal);
  assert.equal((await holder.state()).sealed, false, JSON.stringify(await holder.state()));
  await holder.seal();
  state = "DISABLED";
  await assert.rejects(holder.offer({ bytes: Buffer.alloc(0), boxed: false }), /InvalidStateException/);
  state = "ENABLED";
  assert.equal((await holder.offer({ bytes: Buffer.alloc(0), boxed: false })).sealed, false);
});

const installed = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined;
const softHsm = "/usr/lib/softhsm/libsofthsm2.so";
const tokenHere = existsSync(softHsm) && installed("pkcs11-tool");

test(
  "a PKCS#11 token keeps the root: its key cannot be taken out, and a wrong PIN is tried once",
  { skip: !tokenHere },
  async () => {
    const tokens = join(home, "tokens");
    mkdirSync(tokens);
    writeFileSync(join(home, "softhsm.conf"), `directories.tokendir = ${tokens}\nobjectstore.backend = file\n`);
    process.env["SOFTHSM2_CONF"] = join(home, "softhsm.conf");
    process.env["JIKIMI_SEAL_PIN"] = "246813";
    ends.push(() => {
      delete process.env["SOFTHSM2_CONF"];
      delete process.env["JIKIMI_SEAL_PIN"];
    });
    execFileSync("softhsm2-util", [
      "--init-token",
      "--free",
      "--label",
      "jk",
      "--so-pin",
      "99999999",
      "--pin",
      "246813",
    ]);
    const seal = { kind: "pkcs11", module: softHsm, token: "jk", key: "root" } as const;
    const dataDir = join(home, "pkcs11");
    const first = await start(dataDir, seal);
    assert.equal((await first.state()).sealed, false, JSON.stringify(await first.state()));
    const kept = await first.protect("p", "b", Buffer.from("kept"));
    await first.close();
    const asUser = ["--module", softHsm, "--token-label", "jk", "--login", "--pin", "env:JIKIMI_SEAL_PIN"];
    const listed = execFileSync("pkcs11-tool", [...asUser, "--list-objects", "--type", "secrkey"], {
      encoding: "utf8",
    });
    assert.match(listed, /sensitive, always sensitive, never extractable, local/);
    const second = await start(dataDir, seal);
    await until(async () => !(await second.state()).sealed);
    assert.equal(Buffer.from(await second.reveal("p", "b", kept)).toString(), "kept");
    await second.close();
    process.env["JIKIMI_SEAL_PIN"] = "000000";
    const third = await start(dataDir, seal);
    const state = await third.state();
    assert.ok(state.sealed && /CKR_PIN_INCORRECT/.test(state.reason), JSON.stringify(state));
    process.env["JIKIMI_SEAL_PIN"] = "246813";
    assert.equal((await third.offer({ bytes: Buffer.alloc(0), boxed: false })).sealed, false);
  },
);

const tpmHere = installed("swtpm") && installed("tpm2_unseal");

async function softwareTpm(): Promise<ChildProcess> {
  const state = join(home, "tpm-state");
  mkdirSync(state);
  const socket = join(home, "tpm");
  const args = ["socket", "--tpm2", "--tpmstate", `dir=${state}`, "--server", `type=unixio,path=${socket}`];
  const child = spawn(
    "swtpm",
    [...args, "--ctrl", `type=unixio,path=${socket}.ctrl`, "--flags", "not-need-init,startup-clear"],
    {
      stdio: "ignore",
    },
  );
  ends.push(() => {
    child.kill();
    delete process.env["TPM2TOOLS_TCTI"];
  });
  process.env["TPM2TOOLS_TCTI"] = `swtpm:path=${socket}`;
  await until(async () => spawnSync("tpm2_getrandom", ["--hex", "4"]).status === 0);
  return child;
}

test("the TPM keeps the root, bound to PCRs: what boots otherwise does not open it", { skip: !tpmHere }, async () => {
  const tpm = await softwareTpm();
  const seal = { kind: "tpm", pcrs: "0,7" } as const;
  const dataDir = join(home, "tpm-data");
  const first = await start(dataDir, seal);
  assert.equal((await first.state()).sealed, false, JSON.stringify(await first.state()));
  const kept = await first.protect("p", "b", Buffer.from("kept"));
  await first.close();
  const second = await start(dataDir, seal);
  await until(async () => !(await second.state()).sealed);
  assert.equal(Buffer.from(await second.reveal("p", "b", kept)).toString(), "kept");
  await second.close();
  execFileSync("tpm2_pcrextend", [`7:sha256=${"ab".repeat(32)}`]);
  const third = await start(dataDir, seal);
  await until(async () => {
    const state = await third.state();
    return state.sealed && /tpm2_unseal failed/.test(state.reason);
  });
  await third.close();
  tpm.kill();
  await once(tpm, "exit");
});
