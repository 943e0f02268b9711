/** Key pairs in the holder, judged by OpenSSL's command line and by another library, and what is refused. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  constants,
  createCipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  verify,
} from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ed25519ph } from "@noble/curves/ed25519.js";
import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { silentLogger } from "#kernel/log.ts";
import { startKeyHolder } from "./client.ts";
import {
  DecryptError,
  InvalidInput,
  InvalidWrappingKey,
  KeyDestroyed,
  type KeyHolder,
  type KeyToken,
  type MaterialSpec,
  type SigningAlgorithm,
  UnsupportedMaterial,
  type WrappingAlgorithm,
} from "./contract.ts";

const folder = mkdtempSync(join(tmpdir(), "jikimi-pairs-"));
let holder: KeyHolder;
const start = (): Promise<KeyHolder> =>
  startKeyHolder({ dataDir: folder, seal: { kind: "development" }, logger: silentLogger });
before(async () => {
  holder = await start();
});
after(async () => {
  await holder.close();
  rmSync(folder, { recursive: true, force: true });
});

const message = Buffer.from("what is signed");
const aad = Buffer.from("aad");
let count = 0;
const made = new Map<string, Promise<{ token: KeyToken; publicKey: Uint8Array }>>();

/** One pair per spec for all tests. */
function pair(spec: MaterialSpec): Promise<{ token: KeyToken; publicKey: Uint8Array }> {
  let found = made.get(spec);
  if (!found) {
    found = holder.generate(spec, `arn:${++count}|1|${spec}`) as Promise<{ token: KeyToken; publicKey: Uint8Array }>;
    made.set(spec, found);
  }
  return found;
}

function openssl(args: readonly string[], files: Readonly<Record<string, Uint8Array>>) {
  const paths = Object.fromEntries(Object.keys(files).map((name) => [name, join(folder, `${name}-${++count}`)]));
  for (const name in files) writeFileSync(paths[name]!, files[name]!);
  const run = spawnSync(
    "openssl",
    args.map((argument) => (argument.startsWith("@") ? paths[argument.slice(1)]! : argument)),
  );
  return { ok: run.status === 0, stdout: run.stdout, stderr: run.stderr.toString() };
}

const digestOf = (hash: string, data: Uint8Array): Buffer => createHash(hash).update(data).digest();

/** What OpenSSL's command line says about a signature over a message. */
function opensslAccepts(algorithm: SigningAlgorithm, publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array) {
  const hash = algorithm.endsWith("256") ? "sha256" : algorithm.endsWith("384") ? "sha384" : "sha512";
  const files = { publicKey, data, signature };
  const key = ["-keyform", "DER", "-pubin", "-inkey", "@publicKey", "-sigfile", "@signature", "-in", "@data"];
  if (algorithm === "ED25519_SHA_512") return openssl(["pkeyutl", "-verify", "-rawin", ...key], files).ok;
  const padding = algorithm.startsWith("RSASSA_PSS")
    ? ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]
    : [];
  const args = ["pkeyutl", "-verify", ...key, "-pkeyopt", `digest:${hash}`, ...padding];
  return openssl(args, { ...files, data: digestOf(hash, data) }).ok;
}

const rsaAlgorithms = ["PKCS1_V1_5", "PSS"].flatMap((padding) =>
  ["256", "384", "512"].map((bits) => `RSASSA_${padding}_SHA_${bits}` as SigningAlgorithm),
);
const signers: [MaterialSpec, readonly SigningAlgorithm[]][] = [
  ["RSA_2048", rsaAlgorithms],
  ["RSA_3072", rsaAlgorithms],
  ["RSA_4096", rsaAlgorithms],
  ["ECC_NIST_P256", ["ECDSA_SHA_256"]],
  ["ECC_NIST_P384", ["ECDSA_SHA_384"]],
  ["ECC_NIST_P521", ["ECDSA_SHA_512"]],
  ["ECC_SECG_P256K1", ["ECDSA_SHA_256"]],
  ["ECC_NIST_EDWARDS25519", ["ED25519_SHA_512"]],
];

describe("signatures that OpenSSL's command line accepts", () => {
  for (const [spec, algorithms] of signers) {
    for (const algorithm of algorithms) {
      test(`${spec} ${algorithm}`, async () => {
        const { token, publicKey } = await pair(spec);
        const hash = `sha${algorithm.slice(-3)}`;
        const types = spec === "ECC_NIST_EDWARDS25519" ? (["RAW"] as const) : (["RAW", "DIGEST"] as const);
        const input = { RAW: message, DIGEST: digestOf(hash, message) };
        for (const type of types) {
          const signature = await holder.sign(token, algorithm, type, input[type]);
          assert.ok(opensslAccepts(algorithm, publicKey, message, signature), `${type}: accepted`);
          assert.ok(!opensslAccepts(algorithm, publicKey, Buffer.from("other"), signature), "and means something");
          const changed = Buffer.from(signature);
          changed[changed.length - 1]! ^= 1;
          for (const asked of types) {
            assert.equal(await holder.verify(token, algorithm, asked, input[asked], signature), true);
            assert.equal(await holder.verify(token, algorithm, asked, input[asked], changed), false);
            const short = signature.subarray(1);
            assert.equal(await holder.verify(token, algorithm, asked, input[asked], short), false);
          }
          const wrong = type === "RAW" ? Buffer.from("other") : digestOf(hash, Buffer.from("other"));
          assert.equal(await holder.verify(token, algorithm, type, wrong, signature), false);
        }
      });
    }
  }

  test("a signature or ciphertext with its leading zeros cut off is none", async () => {
    const { token } = await pair("RSA_2048");
    const short = async (make: () => Promise<Uint8Array>): Promise<Uint8Array> => {
      for (;;) {
        const bytes = await make();
        if (bytes[0] === 0) return bytes.subarray(1);
      }
    };
    for (const algorithm of ["RSASSA_PSS_SHA_256", "RSASSA_PKCS1_V1_5_SHA_256"] as const) {
      let n = 0;
      let signed = message;
      const signature = await short(() =>
        holder.sign(token, algorithm, "RAW", (signed = Buffer.from(`message ${n++}`))),
      );
      const digest = digestOf("sha256", signed);
      assert.equal(await holder.verify(token, algorithm, "RAW", signed, signature), false);
      assert.equal(await holder.verify(token, algorithm, "DIGEST", digest, signature), false);
      const whole = Buffer.concat([Buffer.of(0), signature]);
      assert.equal(await holder.verify(token, algorithm, "RAW", signed, whole), true);
    }
    const ciphertext = await short(() => holder.encryptOaep(token, "RSAES_OAEP_SHA_256", message));
    await assert.rejects(holder.decryptOaep(token, "RSAES_OAEP_SHA_256", ciphertext), DecryptError);
  });

  test("both signs of s are valid", async () => {
    const { token } = await pair("ECC_NIST_P256");
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const signature = Buffer.from(await holder.sign(token, "ECDSA_SHA_256", "RAW", message));
    const rEnd = 4 + signature[3]!;
    const s = BigInt(`0x${signature.subarray(rEnd + 2).toString("hex")}`);
    const hex = (n - s).toString(16).padStart(64, "0");
    const body = Buffer.from(parseInt(hex.slice(0, 2), 16) >= 0x80 ? `00${hex}` : hex, "hex");
    const other = Buffer.concat([signature.subarray(0, rEnd), Buffer.of(2, body.length), body]);
    other[1] = other.length - 2;
    for (const [type, input] of [
      ["RAW", message],
      ["DIGEST", digestOf("sha256", message)],
    ] as const) {
      assert.equal(await holder.verify(token, "ECDSA_SHA_256", type, input, other), true, type);
    }
  });
});

describe("signatures judged by another library", () => {
  const lattices = [
    ["ML_DSA_44", ml_dsa44],
    ["ML_DSA_65", ml_dsa65],
    ["ML_DSA_87", ml_dsa87],
  ] as const;
  for (const [spec, scheme] of lattices) {
    test(`${spec}: RAW by noble, EXTERNAL_MU by OpenSSL, and each by the other`, async () => {
      const { token, publicKey } = await pair(spec);
      const key = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
      const raw = key.export({ format: "raw-public" });
      const shake = (...parts: Uint8Array[]): Buffer =>
        createHash("shake256", { outputLength: 64 }).update(Buffer.concat(parts)).digest();
      const mu = shake(shake(raw), Buffer.of(0, 0), message);
      const signature = await holder.sign(token, "ML_DSA_SHAKE_256", "RAW", message);
      assert.ok(scheme.verify(Uint8Array.from(signature), message, Uint8Array.from(raw)));
      const external = await holder.sign(token, "ML_DSA_SHAKE_256", "EXTERNAL_MU", mu);
      assert.ok(verify(null, message, key, external));
      assert.ok(!verify(null, mu, key, external), "µ is not signed as a message");
      for (const each of [signature, external]) {
        assert.equal(await holder.verify(token, "ML_DSA_SHAKE_256", "RAW", message, each), true);
        assert.equal(await holder.verify(token, "ML_DSA_SHAKE_256", "EXTERNAL_MU", mu, each), true);
        assert.equal(await holder.verify(token, "ML_DSA_SHAKE_256", "RAW", mu, each), false);
        const other = Buffer.alloc(64);
        assert.equal(await holder.verify(token, "ML_DSA_SHAKE_256", "EXTERNAL_MU", other, each), false);
      }
    });
  }

  test("Ed25519ph: the test vector of RFC 8032, section 7.3, and a signature of ours by noble", async () => {
    const seed = "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42";
    const { token } = await imported(
      "ECC_NIST_EDWARDS25519",
      Buffer.from(`302e020100300506032b657004220420${seed}`, "hex"),
    );
    // KMS hashes what it is given: "the input is hashed twice". Here the vector's message is put in by its hash.
    const digest = digestOf("sha512", Buffer.from("abc"));
    const signature = await holder.sign(token, "ED25519_PH_SHA_512", "DIGEST", digest);
    const publicKey = Buffer.from("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf", "hex");
    assert.ok(ed25519ph.verify(Uint8Array.from(signature), Uint8Array.from(digest), publicKey));
    assert.equal(await holder.verify(token, "ED25519_PH_SHA_512", "DIGEST", digest, signature), true);
    assert.equal(await holder.verify(token, "ED25519_PH_SHA_512", "DIGEST", Buffer.alloc(64), signature), false);
    assert.equal(await holder.verify(token, "ED25519_SHA_512", "RAW", digest, signature), false);
  });
});

describe("encryption, agreement, encapsulation", () => {
  for (const spec of ["RSA_2048", "RSA_3072", "RSA_4096"] as const) {
    for (const [algorithm, hash] of [
      ["RSAES_OAEP_SHA_1", "sha1"],
      ["RSAES_OAEP_SHA_256", "sha256"],
    ] as const) {
      test(`${spec} ${algorithm}, from OpenSSL`, async () => {
        const { token, publicKey } = await pair(spec);
        const options = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", `rsa_oaep_md:${hash}`];
        const foreign = openssl(
          ["pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "@publicKey", "-in", "@message", ...options],
          { publicKey, message },
        );
        assert.deepEqual(await holder.decryptOaep(token, algorithm, foreign.stdout), message);
        const sealed = await holder.encryptOaep(token, algorithm, message);
        assert.deepEqual(await holder.decryptOaep(token, algorithm, sealed), message);
        const other = algorithm === "RSAES_OAEP_SHA_1" ? "RSAES_OAEP_SHA_256" : "RSAES_OAEP_SHA_1";
        await assert.rejects(holder.decryptOaep(token, other, sealed), DecryptError);
        await assert.rejects(holder.decryptOaep(token, algorithm, sealed.subarray(1)), DecryptError);
        await assert.rejects(holder.encryptOaep(token, algorithm, Buffer.alloc(500)), InvalidInput);
      });
    }
  }

  test("re-encryption between RSA and symmetric keys", async () => {
    const [rsa, { token: symmetric }] = [await pair("RSA_2048"), await holder.generate("SYMMETRIC_DEFAULT", "arn:s|1")];
    const algorithm = "RSAES_OAEP_SHA_256" as const;
    const ciphertext = await holder.encryptOaep(rsa.token, algorithm, message);
    const moved = await holder.reencrypt({ token: rsa.token, ciphertext, aad, algorithm }, { token: symmetric, aad });
    assert.deepEqual(await holder.decrypt(symmetric, moved, aad), message);
    const back = await holder.reencrypt(
      { token: symmetric, ciphertext: moved, aad },
      { token: rsa.token, aad, algorithm },
    );
    assert.deepEqual(await holder.decryptOaep(rsa.token, algorithm, back), message);
  });

  for (const [spec, curve] of [
    ["ECC_NIST_P256", "P-256"],
    ["ECC_NIST_P384", "P-384"],
    ["ECC_NIST_P521", "P-521"],
  ] as const) {
    test(`${spec}: both sides derive the same secret`, async () => {
      const { token, publicKey } = await pair(spec);
      const peer = generateKeyPairSync("ec", { namedCurve: curve });
      const own = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
      const expected = diffieHellman({ privateKey: peer.privateKey, publicKey: own });
      const spki = peer.publicKey.export({ type: "spki", format: "der" });
      assert.deepEqual(await holder.agree(token, spki), expected);
      const another = curve === "P-256" ? "P-384" : "P-256";
      const strange = generateKeyPairSync("ec", { namedCurve: another }).publicKey.export({
        type: "spki",
        format: "der",
      });
      const explicit = generateKeyPairSync("ec", { namedCurve: curve, paramEncoding: "explicit" });
      const explicitSpki = explicit.publicKey.export({ type: "spki", format: "der" });
      const offCurve = Buffer.from(spki);
      offCurve[offCurve.length - 1]! ^= 1;
      for (const wrong of [
        strange,
        explicitSpki,
        offCurve,
        spki.subarray(1),
        Buffer.concat([spki, spki]),
        Buffer.alloc(0),
      ]) {
        await assert.rejects(holder.agree(token, wrong), InvalidInput);
      }
    });
  }

  for (const spec of ["ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"] as const) {
    test(`${spec}: encapsulated here and outside`, async () => {
      const { token, publicKey } = await pair(spec);
      const own = await holder.encapsulate(token);
      assert.equal(own.secret.length, 32);
      assert.deepEqual(await holder.decapsulate(token, own.ciphertext), own.secret);
      const key = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
      const outside = encapsulate(key);
      assert.deepEqual(await holder.decapsulate(token, outside.ciphertext), outside.sharedKey);
      if (spec === "ML_KEM_768") {
        const noble = ml_kem768.encapsulate(Uint8Array.from(key.export({ format: "raw-public" })));
        assert.deepEqual(await holder.decapsulate(token, noble.cipherText), Buffer.from(noble.sharedSecret));
      }
      const changed = Buffer.from(own.ciphertext);
      changed[0]! ^= 1;
      const rejected = await holder.decapsulate(token, changed);
      assert.notDeepEqual(rejected, own.secret, "implicit rejection");
      assert.deepEqual(await holder.decapsulate(token, changed), rejected, "which is always the same");
      await assert.rejects(holder.decapsulate(token, changed.subarray(1)), InvalidInput);
    });
  }

  test("data key pairs", async () => {
    const { token } = await holder.generate("SYMMETRIC_DEFAULT", "arn:pairs|1");
    for (const spec of [
      "RSA_2048",
      "ECC_NIST_P256",
      "ECC_SECG_P256K1",
      "ECC_NIST_EDWARDS25519",
      "ML_KEM_512",
    ] as const) {
      const { publicKey, ciphertext, plaintext } = await holder.dataKeyPair(token, spec, aad, true);
      const key = createPrivateKey({ key: Buffer.from(plaintext!), format: "der", type: "pkcs8" });
      assert.deepEqual(createPublicKey(key).export({ type: "spki", format: "der" }), Buffer.from(publicKey));
      assert.deepEqual(await holder.decrypt(token, ciphertext, aad), plaintext);
      const without = await holder.dataKeyPair(token, spec, aad, false);
      assert.equal(without.plaintext, undefined);
    }
    await assert.rejects(holder.dataKeyPair(token, "ML_DSA_44", aad, true), UnsupportedMaterial);
    await assert.rejects(
      holder.dataKeyPair((await pair("RSA_2048")).token, "RSA_2048", aad, true),
      UnsupportedMaterial,
    );
  });
});

/** AES key wrap with padding, and OAEP of the AES key: what `openssl` and an HSM do on the other side. */
function wrap(algorithm: WrappingAlgorithm, publicKey: Uint8Array, material: Uint8Array): Buffer {
  const key = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
  const oaepHash = algorithm.endsWith("256") ? "sha256" : "sha1";
  const oaep = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash };
  if (algorithm.startsWith("RSAES")) return publicEncrypt(oaep, material);
  const aes = randomBytes(32);
  const cipher = createCipheriv("id-aes256-wrap-pad", aes, Buffer.from("a65959a6", "hex"));
  return Buffer.concat([publicEncrypt(oaep, aes), cipher.update(material), cipher.final()]);
}

const wrappingKeys = new Map<string, ReturnType<KeyHolder["newWrappingKey"]>>();
let fingerprintKey: Promise<KeyToken> | undefined;

async function imported(
  spec: MaterialSpec,
  material: Uint8Array,
  algorithm: WrappingAlgorithm = "RSA_AES_KEY_WRAP_SHA_256",
) {
  const slot = "wrapping|RSA_2048";
  if (!wrappingKeys.has(slot)) wrappingKeys.set(slot, holder.newWrappingKey("RSA_2048", slot));
  const { key, publicKey } = await wrappingKeys.get(slot)!;
  fingerprintKey ??= holder.generate("HMAC_256", "arn:fingerprint|0").then(({ token }) => token);
  const encrypted = wrap(algorithm, publicKey, material);
  return holder.importMaterial(spec, `arn:${++count}|1|${spec}`, { key, algorithm }, encrypted, await fingerprintKey);
}

describe("import", () => {
  for (const algorithm of [
    "RSAES_OAEP_SHA_1",
    "RSAES_OAEP_SHA_256",
    "RSA_AES_KEY_WRAP_SHA_1",
    "RSA_AES_KEY_WRAP_SHA_256",
  ] as const) {
    test(`${algorithm}: the same material has the same fingerprint, and works`, async () => {
      const material = randomBytes(32);
      const first = await imported("SYMMETRIC_DEFAULT", material, algorithm);
      const second = await imported("SYMMETRIC_DEFAULT", material, algorithm);
      assert.deepEqual(first.fingerprint, second.fingerprint);
      assert.notDeepEqual(
        (await imported("SYMMETRIC_DEFAULT", randomBytes(32), algorithm)).fingerprint,
        first.fingerprint,
      );
      const blob = await holder.encrypt(first.token, message, aad);
      assert.deepEqual(await holder.decrypt(second.token, blob, aad), message, "the material is the same");
    });
  }

  test("key pairs of every kind sign as their owner would", async () => {
    for (const [spec, key, algorithm] of [
      ["RSA_2048", generateKeyPairSync("rsa", { modulusLength: 2048 }), "RSASSA_PSS_SHA_256"],
      ["ECC_NIST_P256", generateKeyPairSync("ec", { namedCurve: "P-256" }), "ECDSA_SHA_256"],
      ["ECC_SECG_P256K1", generateKeyPairSync("ec", { namedCurve: "secp256k1" }), "ECDSA_SHA_256"],
      ["ECC_NIST_EDWARDS25519", generateKeyPairSync("ed25519"), "ED25519_SHA_512"],
      ["ML_DSA_44", generateKeyPairSync("ml-dsa-44"), "ML_DSA_SHAKE_256"],
    ] as const) {
      const { token, publicKey } = await imported(spec, key.privateKey.export({ type: "pkcs8", format: "der" }));
      assert.deepEqual(publicKey, key.publicKey.export({ type: "spki", format: "der" }), spec);
      const signature = await holder.sign(token, algorithm, "RAW", message);
      assert.equal(await holder.verify(token, algorithm, "RAW", message, signature), true);
      if (algorithm !== "ML_DSA_SHAKE_256") {
        assert.ok(opensslAccepts(algorithm, publicKey!, message, signature), spec);
      }
    }
  });

  test("what is not material of the spec is refused", async () => {
    const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey.export({ type: "pkcs8", format: "der" });
    const refused: [MaterialSpec, Uint8Array][] = [
      ["SYMMETRIC_DEFAULT", randomBytes(16)],
      ["HMAC_256", randomBytes(31)],
      ["ECC_NIST_P256", p384],
      ["RSA_2048", p384],
      ["ECC_NIST_P256", randomBytes(32)],
      ["ML_KEM_512", p384],
    ];
    for (const [spec, material] of refused) await assert.rejects(imported(spec, material), InvalidInput, spec);
  });

  test("a document whose numbers contradict each other is no key; a wrong public key in it does not matter", async () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "der" });
    // In the modulus, the private exponent, both factors, both of their exponents and the coefficient.
    for (const at of [150, 400, 620, 750, 880, 1010, 1140]) {
      const mixed = Buffer.from(rsa);
      mixed[at]! ^= 1;
      await assert.rejects(imported("RSA_2048", mixed), InvalidInput, String(at));
    }
    await imported("RSA_2048", rsa);
    const [own, foreign] = [1, 2].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
    const document = own!.export({ type: "pkcs8", format: "der" });
    const point = createPublicKey(foreign!).export({ format: "raw-public" });
    point.copy(document, document.length - point.length);
    const spki = createPublicKey(own!).export({ type: "spki", format: "der" });
    const { publicKey } = await imported("ECC_NIST_P256", document).catch(() => ({ publicKey: spki }));
    assert.deepEqual(publicKey, spki, "refused, or its own");
  });

  test("a ciphertext, a key or a binding that do not belong together are refused", async () => {
    const fingerprint = await holder.generate("HMAC_256", "arn:fp|0");
    const { key, publicKey } = await holder.newWrappingKey("RSA_2048", "w|a");
    const algorithm = "RSA_AES_KEY_WRAP_SHA_256" as const;
    const encrypted = wrap(algorithm, publicKey, randomBytes(32));
    const attempt = (wrapping: typeof key, how: WrappingAlgorithm, bytes: Uint8Array) =>
      holder.importMaterial(
        "SYMMETRIC_DEFAULT",
        "arn:i|1",
        { key: wrapping, algorithm: how },
        bytes,
        fingerprint.token,
      );
    const longer = Buffer.concat([encrypted, Buffer.alloc(8)]);
    for (const bytes of [
      encrypted.subarray(1),
      encrypted.subarray(0, 256),
      longer,
      Buffer.alloc(0),
      randomBytes(300),
    ]) {
      await assert.rejects(attempt(key, algorithm, bytes), DecryptError);
    }
    await assert.rejects(attempt(key, "RSAES_OAEP_SHA_256", encrypted), DecryptError);
    await assert.rejects(attempt({ ...key, bound: "w|b" }, algorithm, encrypted), InvalidWrappingKey);
    await assert.rejects(holder.reveal("import wrapping key", "w|a", key.wrapped), DecryptError);
    await attempt(key, algorithm, encrypted);
  });
});

test("the same material under another name: it outlives its first name, and dies with its second", async () => {
  const { token } = await holder.generate("ECC_NIST_P256", "arn:first|1");
  const copy = await holder.rewrap(token, "arn:second|1");
  const signature = await holder.sign(token, "ECDSA_SHA_256", "RAW", message);
  await holder.destroy("arn:first|1");
  await assert.rejects(holder.sign(token, "ECDSA_SHA_256", "RAW", message), KeyDestroyed);
  assert.equal(await holder.verify(copy, "ECDSA_SHA_256", "RAW", message, signature), true);
  await holder.destroy("arn:second|1");
  await assert.rejects(holder.verify(copy, "ECDSA_SHA_256", "RAW", message, signature), KeyDestroyed);
});

test("every pair survives a restart of the holder", async () => {
  const specs = [...signers.map(([spec]) => spec), "ML_DSA_65", "ML_KEM_768"] as MaterialSpec[];
  const tokens = await Promise.all(specs.map((spec) => pair(spec)));
  const second = await start();
  try {
    for (const [index, [spec, [algorithm]]] of signers.entries()) {
      const { token, publicKey } = tokens[index]!;
      const signature = await second.sign(token, algorithm!, "RAW", message);
      assert.ok(opensslAccepts(algorithm!, publicKey, message, signature), spec);
    }
    const kem = tokens.at(-1)!.token;
    const { ciphertext, secret } = await holder.encapsulate(kem);
    assert.deepEqual(await second.decapsulate(kem, ciphertext), secret);
  } finally {
    await second.close();
  }
});

test("a key does what it is for and nothing else", async () => {
  const { token: mac } = await holder.generate("HMAC_256", "arn:mac|1");
  const [rsa, ec, kem] = [await pair("RSA_2048"), await pair("ECC_NIST_P256"), await pair("ML_KEM_512")];
  const digest = digestOf("sha256", message);
  const wrong: (() => Promise<unknown>)[] = [
    () => holder.sign(mac, "ECDSA_SHA_256", "RAW", message),
    () => holder.sign(rsa.token, "ECDSA_SHA_256", "RAW", message),
    () => holder.sign(ec.token, "ECDSA_SHA_384", "RAW", message),
    () => holder.sign(ec.token, "ECDSA_SHA_256", "DIGEST", message),
    () => holder.sign(ec.token, "ECDSA_SHA_256", "EXTERNAL_MU", Buffer.alloc(64)),
    () => holder.sign(ec.token, "toString" as SigningAlgorithm, "RAW", message),
    () => holder.sign(kem.token, "ML_DSA_SHAKE_256", "RAW", message),
    () => holder.encrypt(ec.token, message, aad),
    () => holder.mac(ec.token, message),
    () => holder.agree(rsa.token, rsa.publicKey),
    () => holder.encapsulate(ec.token),
    () => holder.decryptOaep(ec.token, "RSAES_OAEP_SHA_256", digest),
    () => holder.generate("SM2" as MaterialSpec, "arn:sm2|1"),
  ];
  for (const call of wrong) await assert.rejects(call(), UnsupportedMaterial, call.toString());
});

test("making RSA keys holds up nobody: everything asked meanwhile is answered before", async () => {
  const { token } = await holder.generate("SYMMETRIC_DEFAULT", "arn:quick|1");
  let generated = 0;
  const slow = [1, 2, 3].map((n) => holder.generate("RSA_4096", `arn:slow${n}|1`).then(() => generated++));
  for (let i = 0; i < 20; i++) await holder.encrypt(token, message, aad);
  assert.equal(generated, 0, "twenty round trips, and no key of 4096 bits yet");
  await Promise.all(slow);
});
