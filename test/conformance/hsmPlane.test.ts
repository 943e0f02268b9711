/** Unmodified programs at an HSM through Debian's p11-kit-client.so: pkcs11-tool and OpenSSL. Both backends, one suite. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, verify } from "node:crypto";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { embeddedBackend, moduleBackend, type ChosenBackend } from "../../src/hsm/plane/backends.ts";
import { clientModule, pkcs11Tool, runAt, TestPlane, type Output } from "../../src/hsm/testing.ts";

const has = (program: string): boolean => spawnSync("which", [program]).status === 0;
const lacking = !clientModule
  ? "p11-kit-modules is not installed"
  : !has("pkcs11-tool")
    ? "opensc is not installed"
    : !has("openssl") && "openssl is not installed";

const softHsm = moduleBackend({ module: "softhsm", path: process.env["PATH"] ?? "" });
const backends: [string, ChosenBackend, string | false][] = [
  ["embedded", embeddedBackend, lacking],
  ["SoftHSM", softHsm, lacking || (softHsm.kind === "none" && softHsm.description)],
];

for (const [name, backend, skip] of backends) {
  describe(`PKCS #11 applications, ${name}`, { skip }, () => {
    let test: TestPlane;
    let socket: string;
    const file = (path: string): string => join(test.folder, path);
    const as = (user: string, ...args: string[]): Promise<Output> =>
      pkcs11Tool(socket, "--login", "--pin", `${user}:${user}-password`, ...args);
    const works = async (...args: string[]): Promise<string> => {
      const { status, stdout, stderr } = await as("alice", ...args);
      assert.equal(status, 0, `${args.join(" ")}: ${stderr}`);
      return stdout;
    };
    const fails = async (code: string, ...args: string[]): Promise<void> => {
      const { status, stderr } = await as("alice", ...args);
      assert.notEqual(status, 0, args.join(" "));
      assert.match(stderr, new RegExp(code));
    };

    before(async () => {
      test = await TestPlane.open(backend);
      socket = await test.activeCluster("cluster-a", 1, ["alice", "bob"]);
      writeFileSync(file("data"), "what is signed");
      writeFileSync(file("blocks"), randomBytes(64));
    });
    after(() => test.close());

    it("shows one slot with the cluster's token, and says what holds the keys", async () => {
      const { stdout } = await pkcs11Tool(socket, "-L");
      assert.match(stdout, /token label\s+: cluster-a/);
      assert.match(stdout, name === "embedded" ? /embedded software token/ : /SoftHSM software token/);
    });

    it("refuses a wrong password, a user that is not, an officer, and a PIN without a user", async () => {
      for (const pin of ["alice:wrong-password", "nobody:alice-password", "alice-password"]) {
        const { status, stderr } = await pkcs11Tool(socket, "--login", "--pin", pin, "-O");
        assert.equal(status, 1, pin);
        assert.match(stderr, /CKR_PIN_INCORRECT/, pin);
      }
      const { stderr } = await pkcs11Tool(socket, "--login", "--pin", "admin:officer-1", "-O");
      assert.match(stderr, /CKR_USER_TYPE_INVALID/);
    });

    it("encrypts with a key that it does not give away", async () => {
      await works("--keygen", "--key-type", "AES:32", "--label", "data-key", "--id", "01");
      await works("--encrypt", "-m", "AES-ECB", "--id", "01", "-i", file("blocks"), "-o", file("encrypted"));
      assert.notDeepEqual(readFileSync(file("encrypted")), readFileSync(file("blocks")));
      await works("--decrypt", "-m", "AES-ECB", "--id", "01", "-i", file("encrypted"), "-o", file("decrypted"));
      assert.deepEqual(readFileSync(file("decrypted")), readFileSync(file("blocks")));
      await fails("CKR_ATTRIBUTE_SENSITIVE", "--read-object", "--type", "secrkey", "--id", "01", "-o", file("key"));
      assert.equal(existsSync(file("key")) && readFileSync(file("key")).length > 0, false);
    });

    it("gives an extractable key that is not sensitive to its owner", async () => {
      await works("--keygen", "--key-type", "AES:16", "--label", "open", "--id", "02", "--extractable");
      await works("--read-object", "--type", "secrkey", "--id", "02", "-o", file("open"));
      assert.equal(readFileSync(file("open")).length, 16);
    });

    it("keeps one user's objects from another, and everything from who is not signed in", async () => {
      const { stdout: bobs } = await as("bob", "-O");
      assert.doesNotMatch(bobs, /data-key/);
      const { stdout: nobodys } = await pkcs11Tool(socket, "-O");
      assert.doesNotMatch(nobodys, /data-key/);
      assert.match(await works("-O"), /data-key/);
    });

    for (const [curve, id] of [
      ["prime256v1", "10"],
      ["secp384r1", "11"],
      ["secp521r1", "12"],
      ["secp256k1", "13"],
    ] as const) {
      it(`signs with ${curve}; openssl verifies with the public key`, async () => {
        const made = await works("--keypairgen", "--key-type", `EC:${curve}`, "--label", curve, "--id", id);
        writeFileSync(file("public"), publicKey(made, curve));
        writeFileSync(file("digest"), createHash("sha256").update("what is signed").digest());
        await works(
          "--sign",
          "-m",
          "ECDSA",
          "--id",
          id,
          "-i",
          file("digest"),
          "-o",
          file("signature"),
          "--signature-format",
          "openssl",
        );
        execFileSync("openssl", [
          "pkeyutl",
          "-verify",
          "-pubin",
          "-keyform",
          "DER",
          "-inkey",
          file("public"),
          "-sigfile",
          file("signature"),
          "-in",
          file("digest"),
        ]);
      });
    }

    it("signs with RSA in every padding; openssl verifies", async () => {
      await works("--keypairgen", "--key-type", "RSA:2048", "--label", "rsa", "--id", "20");
      await works("--read-object", "--type", "pubkey", "--id", "20", "-o", file("rsa.der"));
      const key = createPublicKey({ key: readFileSync(file("rsa.der")), format: "der", type: "spki" });
      for (const hash of ["SHA256", "SHA384", "SHA512"]) {
        await works("--sign", "-m", `${hash}-RSA-PKCS`, "--id", "20", "-i", file("data"), "-o", file("signature"));
        execFileSync("openssl", [
          "dgst",
          `-${hash.toLowerCase()}`,
          "-verify",
          file("rsa.der"),
          "-keyform",
          "DER",
          "-signature",
          file("signature"),
          file("data"),
        ]);
        assert.match(
          await works(
            "--verify",
            "-m",
            `${hash}-RSA-PKCS`,
            "--id",
            "20",
            "-i",
            file("data"),
            "--signature-file",
            file("signature"),
          ),
          /valid/,
        );
      }
      writeFileSync(file("digest"), createHash("sha256").update("what is signed").digest());
      await works(
        "--sign",
        "-m",
        "RSA-PKCS-PSS",
        "--hash-algorithm",
        "SHA256",
        "--id",
        "20",
        "-i",
        file("digest"),
        "-o",
        file("signature"),
      );
      assert.ok(
        verify(
          "sha256",
          Buffer.from("what is signed"),
          { key, padding: 6, saltLength: 32 },
          readFileSync(file("signature")),
        ),
      );
      writeFileSync(file("other"), "something else");
      await works("--sign", "-m", "SHA256-RSA-PKCS", "--id", "20", "-i", file("data"), "-o", file("signature"));
      const verdict = await as(
        "alice",
        "--verify",
        "-m",
        "SHA256-RSA-PKCS",
        "--id",
        "20",
        "-i",
        file("other"),
        "--signature-file",
        file("signature"),
      );
      assert.match(verdict.stdout + verdict.stderr, /Invalid signature/);
    });

    it("decrypts what openssl encrypted to its public key", async () => {
      execFileSync("openssl", [
        "pkeyutl",
        "-encrypt",
        "-pubin",
        "-keyform",
        "DER",
        "-inkey",
        file("rsa.der"),
        "-in",
        file("data"),
        "-out",
        file("sealed"),
      ]);
      await works("--decrypt", "-m", "RSA-PKCS", "--id", "20", "-i", file("sealed"), "-o", file("opened"));
      assert.equal(readFileSync(file("opened"), "utf8"), "what is signed");
      const oaep = [
        "-pkeyopt",
        "rsa_padding_mode:oaep",
        "-pkeyopt",
        "rsa_oaep_md:sha1",
        "-pkeyopt",
        "rsa_mgf1_md:sha1",
      ];
      execFileSync("openssl", [
        "pkeyutl",
        "-encrypt",
        "-pubin",
        "-keyform",
        "DER",
        "-inkey",
        file("rsa.der"),
        ...oaep,
        "-in",
        file("data"),
        "-out",
        file("sealed"),
      ]);
      await works(
        "--decrypt",
        "-m",
        "RSA-PKCS-OAEP",
        "--hash-algorithm",
        "SHA-1",
        "--id",
        "20",
        "-i",
        file("sealed"),
        "-o",
        file("opened"),
      );
      assert.equal(readFileSync(file("opened"), "utf8"), "what is signed");
    });

    it(
      "signs for OpenSSL's engine",
      { skip: globSync("/usr/lib/*/engines-3/pkcs11.so").length === 0 && "no engine" },
      async () => {
        const uri = "pkcs11:token=cluster-a;object=rsa;type=private;pin-value=alice:alice-password";
        const args = [
          "dgst",
          "-engine",
          "pkcs11",
          "-keyform",
          "engine",
          "-sha256",
          "-sign",
          uri,
          "-out",
          file("signature"),
          file("data"),
        ];
        const { status, stderr } = await runAt(socket, "openssl", args, { PKCS11_MODULE_PATH: clientModule! });
        assert.equal(status, 0, stderr);
        execFileSync("openssl", [
          "dgst",
          "-sha256",
          "-verify",
          file("rsa.der"),
          "-keyform",
          "DER",
          "-signature",
          file("signature"),
          file("data"),
        ]);
      },
    );

    it("takes a key in, uses it, and does not give it out again", async () => {
      const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      writeFileSync(file("mine"), privateKey.export({ format: "der", type: "pkcs1" }));
      await works("--write-object", file("mine"), "--type", "privkey", "--id", "30", "--label", "mine", "--usage-sign");
      await works("--sign", "-m", "SHA256-RSA-PKCS", "--id", "30", "-i", file("data"), "-o", file("signature"));
      assert.ok(verify("sha256", Buffer.from("what is signed"), publicKey, readFileSync(file("signature"))));
      assert.match(await works("-O", "--type", "privkey"), /mine[^]*sensitive/);
    });

    it("computes MACs and digests, and makes random numbers", async () => {
      await works("--keygen", "--key-type", "GENERIC:32", "--label", "mac", "--id", "40", "--usage-sign");
      await works("--sign", "-m", "SHA256-HMAC", "--id", "40", "-i", file("data"), "-o", file("mac"));
      assert.equal(readFileSync(file("mac")).length, 32);
      await pkcs11Tool(socket, "--hash", "-m", "SHA256", "-i", file("data"), "-o", file("hash"));
      assert.deepEqual(readFileSync(file("hash")), createHash("sha256").update("what is signed").digest());
      await pkcs11Tool(socket, "--generate-random", "32", "-o", file("random"));
      assert.equal(new Set(readFileSync(file("random"))).size > 8, true);
    });

    it("refuses what a key is not for, and key sizes that are not offered", async () => {
      await fails(
        "CKR_KEY_FUNCTION_NOT_PERMITTED|CKR_KEY_TYPE_INCONSISTENT",
        "--sign",
        "-m",
        "SHA256-HMAC",
        "--id",
        "01",
        "-i",
        file("data"),
      );
      await fails("CKR_KEY_SIZE_RANGE", "--keypairgen", "--key-type", "RSA:1024", "--id", "50");
      await fails("CKR_ATTRIBUTE_VALUE_INVALID|Unknown EC", "--keypairgen", "--key-type", "EC:secp192r1", "--id", "51");
    });

    it("destroys", async () => {
      await works("--delete-object", "--type", "secrkey", "--id", "01");
      assert.doesNotMatch(await works("-O"), /data-key/);
    });

    it("has everything again after a restart", async () => {
      await test.restart();
      assert.match(await works("-O"), /rsa/);
      await works("--sign", "-m", "SHA256-RSA-PKCS", "--id", "20", "-i", file("data"), "-o", file("signature"));
      execFileSync("openssl", [
        "dgst",
        "-sha256",
        "-verify",
        file("rsa.der"),
        "-keyform",
        "DER",
        "-signature",
        file("signature"),
        file("data"),
      ]);
    });
  });
}

/** From the DER octet string that pkcs11-tool shows; its own `--read-object` fails on P-384 in OpenSC 0.23. */
function publicKey(shown: string, namedCurve: string): Buffer {
  const value = Buffer.from(/EC_POINT:\s+([0-9a-f]+)/.exec(shown)![1]!, "hex");
  const key = value.subarray(value[1]! > 0x80 ? 3 : 2);
  const read = createPublicKey({ key, format: "raw-public", asymmetricKeyType: "ec", namedCurve });
  return read.export({ format: "der", type: "spki" });
}
