/**
 * Project Wycheproof's vectors, all that apply: material is imported over HTTP and used by Decrypt, Verify, VerifyMac,
 * Decapsulate and DeriveSharedSecret. Vectors that give a public key alone cannot be imported; they are put to the
 * functions by which the key holder verifies. Every difference is explained in its table; one that is not fails.
 * The vectors are not in the repository: JIKIMI_WYCHEPROOF, or the folder beside it.
 */
import assert from "node:assert/strict";
import { constants, createHash, createPrivateKey, createPublicKey, type KeyObject, publicEncrypt } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type CreateKeyCommandInput, KMS } from "@aws-sdk/client-kms";
import { materialOf, type PairRow } from "../../src/keys/materials.ts";
import { verifyMessage } from "../../src/keys/signatures.ts";
import { type Instance, repository, startInstance } from "../instance.ts";

const folder = process.env["JIKIMI_WYCHEPROOF"] ?? join(repository, "..", "shared", "data", "wycheproof");
const skip = existsSync(folder) ? false : `no Wycheproof vectors at ${folder}`;

type Hex = string;
interface Vector {
  tcId: number;
  comment?: string;
  flags: string[];
  result: "valid" | "invalid" | "acceptable";
  [field: string]: unknown;
}
interface Group {
  tests: Vector[];
  [field: string]: unknown;
}

function groupsOf(name: string): Group[] {
  return (JSON.parse(readFileSync(join(folder, `${name}_test.json`), "utf8")) as { testGroups: Group[] }).testGroups;
}

const bytes = (hex: unknown): Buffer => Buffer.from(hex as Hex, "hex");
const describeVector = (file: string, { tcId, comment, flags, result }: Vector): string =>
  `${file} ${tcId} ${comment ?? ""} [${flags.join()}] ${result}`;

let instance: Instance;
let kms: KMS;
before(async () => {
  if (skip) return;
  instance = await startInstance();
  kms = new KMS({ ...instance.client, maxAttempts: 3 });
});
after(() => instance?.stop());

/** Runs `work` over all items, some at a time. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: 6 }, worker));
}

const keyWrap = "RSA_AES_KEY_WRAP_SHA_256" as const;

async function wrappingFor(KeyId: string) {
  const parameters = { KeyId, WrappingAlgorithm: keyWrap, WrappingKeySpec: "RSA_2048" } as const;
  const { ImportToken, PublicKey } = await kms.getParametersForImport(parameters);
  const key = createPublicKey({ key: Buffer.from(PublicKey!), format: "der", type: "spki" });
  const oaep = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
  return { ImportToken, oaep };
}

/** A KMS key with this material: raw bytes, or PKCS #8. */
async function imported(input: CreateKeyCommandInput, material: Uint8Array): Promise<string> {
  const { createCipheriv, randomBytes } = await import("node:crypto");
  const KeyId = (await kms.createKey({ ...input, Origin: "EXTERNAL" })).KeyMetadata!.KeyId!;
  const { ImportToken, oaep } = await wrappingFor(KeyId);
  const aes = randomBytes(32);
  const cipher = createCipheriv("id-aes256-wrap-pad", aes, Buffer.from("a65959a6", "hex"));
  const EncryptedKeyMaterial = Buffer.concat([publicEncrypt(oaep, aes), cipher.update(material), cipher.final()]);
  const ExpirationModel = "KEY_MATERIAL_DOES_NOT_EXPIRE";
  await kms.importKeyMaterial({ KeyId, ImportToken, EncryptedKeyMaterial, ExpirationModel });
  return KeyId;
}

/** One import per material. */
function importer(input: CreateKeyCommandInput, toMaterial: (hex: Hex) => Uint8Array) {
  const made = new Map<string, Promise<string>>();
  return (hex: unknown): Promise<string> => {
    const slot = hex as Hex;
    if (!made.has(slot)) made.set(slot, imported(input, toMaterial(slot)));
    return made.get(slot)!;
  };
}

const pkcs8 = (key: KeyObject): Buffer => key.export({ type: "pkcs8", format: "der" });

/** The name of the refusal, or the answer. */
async function outcome<T>(call: Promise<T>): Promise<{ refused: string } | { answer: T }> {
  try {
    return { answer: await call };
  } catch (error) {
    return { refused: (error as Error).name };
  }
}

describe("over HTTP", { skip }, () => {
  for (const [file, KeySpec, EncryptionAlgorithm] of [
    ["rsa_oaep_2048_sha1_mgf1sha1", "RSA_2048", "RSAES_OAEP_SHA_1"],
    ["rsa_oaep_2048_sha256_mgf1sha256", "RSA_2048", "RSAES_OAEP_SHA_256"],
    ["rsa_oaep_3072_sha256_mgf1sha256", "RSA_3072", "RSAES_OAEP_SHA_256"],
    ["rsa_oaep_4096_sha256_mgf1sha256", "RSA_4096", "RSAES_OAEP_SHA_256"],
  ] as const) {
    test(`Decrypt: ${file}`, async () => {
      const keyOf = importer({ KeySpec, KeyUsage: "ENCRYPT_DECRYPT" }, bytes);
      for (const group of groupsOf(file)) {
        const KeyId = await keyOf(group["privateKeyPkcs8"]);
        await each(group.tests, async (vector) => {
          const CiphertextBlob = bytes(vector["ct"]);
          const got = await outcome(kms.decrypt({ KeyId, EncryptionAlgorithm, CiphertextBlob }));
          // KMS has no labels: what was encrypted with one does not open.
          const opens = vector.result === "valid" && vector["label"] === "";
          const name = describeVector(file, vector);
          if (opens) {
            assert.ok("answer" in got, name);
            assert.deepEqual(Buffer.from(got.answer.Plaintext ?? []), bytes(vector["msg"]), name);
          } else {
            assert.ok("refused" in got && /^(InvalidCiphertext|Validation)Exception$/.test(got.refused), name);
          }
        });
      }
    });
  }

  for (const [file, KeySpec, MacAlgorithm, bits] of [
    ["hmac_sha224", "HMAC_224", "HMAC_SHA_224", 224],
    ["hmac_sha256", "HMAC_256", "HMAC_SHA_256", 256],
    ["hmac_sha384", "HMAC_384", "HMAC_SHA_384", 384],
    ["hmac_sha512", "HMAC_512", "HMAC_SHA_512", 512],
  ] as const) {
    test(`VerifyMac: ${file}`, async () => {
      const keyOf = importer({ KeySpec, KeyUsage: "GENERATE_VERIFY_MAC" }, bytes);
      let asked = 0;
      for (const group of groupsOf(file)) {
        // KMS takes keys as long as the digest only.
        if (group["keySize"] !== bits) continue;
        await each(group.tests, async (vector) => {
          const Message = bytes(vector["msg"]);
          if (Message.length === 0 || Message.length > 4096) return;
          const KeyId = await keyOf(vector["key"]);
          const got = await outcome(kms.verifyMac({ KeyId, MacAlgorithm, Message, Mac: bytes(vector["tag"]) }));
          asked++;
          // A truncated MAC is none.
          const valid = vector.result === "valid" && group["tagSize"] === bits;
          const wanted = valid ? undefined : "KMSInvalidMacException";
          assert.equal("refused" in got ? got.refused : undefined, wanted, describeVector(file, vector));
        });
      }
      assert.ok(asked > 20, `${asked} vectors`);
    });
  }

  for (const [file, KeySpec, namedCurve, length] of [
    ["ecdh_secp256r1", "ECC_NIST_P256", "P-256", 32],
    ["ecdh_secp384r1", "ECC_NIST_P384", "P-384", 48],
    ["ecdh_secp521r1", "ECC_NIST_P521", "P-521", 66],
  ] as const) {
    test(`DeriveSharedSecret: ${file}`, async () => {
      const toMaterial = (hex: Hex): Buffer => {
        const key = Buffer.from(hex.padStart(length * 2, "0").slice(-length * 2), "hex");
        return pkcs8(createPrivateKey({ key, format: "raw-private", asymmetricKeyType: "ec", namedCurve }));
      };
      const keyOf = importer({ KeySpec, KeyUsage: "KEY_AGREEMENT" }, toMaterial);
      for (const { tests } of groupsOf(file)) {
        await each(tests, async (vector) => {
          const KeyId = await keyOf(vector["private"]);
          const request = { KeyId, KeyAgreementAlgorithm: "ECDH" as const, PublicKey: bytes(vector["public"]) };
          const got = await outcome(kms.deriveSharedSecret(request));
          const name = describeVector(file, vector);
          if ("answer" in got) {
            assert.notEqual(vector.result, "invalid", name);
            assert.deepEqual(Buffer.from(got.answer.SharedSecret!), bytes(vector["shared"]), name);
          } else {
            // "Acceptable" are keys written in another way than DER of a named curve: refused.
            assert.notEqual(vector.result, "valid", name);
            assert.equal(got.refused, "ValidationException", name);
          }
        });
      }
    });
  }

  for (const [file, KeySpec, type, ciphertextBytes] of [
    ["mlkem_512", "ML_KEM_512", "ml-kem-512", 768],
    ["mlkem_768", "ML_KEM_768", "ml-kem-768", 1088],
    ["mlkem_1024", "ML_KEM_1024", "ml-kem-1024", 1568],
  ] as const) {
    test(`Decapsulate: ${file}`, async () => {
      const toMaterial = (hex: Hex): Buffer =>
        pkcs8(createPrivateKey({ key: bytes(hex), format: "raw-seed", asymmetricKeyType: type }));
      const keyOf = importer({ KeySpec, KeyUsage: "ENCAPSULATE_DECAPSULATE" }, toMaterial);
      let asked = 0;
      for (const group of groupsOf(file)) {
        await each(group.tests, async (vector) => {
          const name = describeVector(file, vector);
          const seed = bytes(vector["seed"] ?? "");
          // A seed of another length is no key, and nothing to import.
          if (seed.length !== 64 || vector["c"] === undefined) return assert.equal(vector.result, "invalid", name);
          const KeyId = await keyOf(vector["seed"]);
          const SharedSecretCiphertextBlob = bytes(vector["c"]);
          const request = { KeyId, EncapsulationAlgorithm: "ML_KEM" as const, SharedSecretCiphertextBlob };
          const got = await outcome(kms.decapsulate(request));
          asked++;
          if (SharedSecretCiphertextBlob.length !== ciphertextBytes) {
            assert.equal("refused" in got ? got.refused : "answered", "InvalidCiphertextException", name);
          } else if (vector.result === "valid") {
            assert.ok("answer" in got, name);
            assert.deepEqual(Buffer.from(got.answer.SharedSecret!), bytes(vector["K"]), name);
          }
        });
      }
      assert.ok(asked > 100, `${asked} vectors`);
    });
  }

  for (const [file, KeySpec, type] of [
    ["mldsa_44_sign_seed", "ML_DSA_44", "ml-dsa-44"],
    ["mldsa_65_sign_seed", "ML_DSA_65", "ml-dsa-65"],
    ["mldsa_87_sign_seed", "ML_DSA_87", "ml-dsa-87"],
  ] as const) {
    test(`Verify: ${file}`, async () => {
      const toMaterial = (hex: Hex): Buffer =>
        pkcs8(createPrivateKey({ key: bytes(hex), format: "raw-seed", asymmetricKeyType: type }));
      const keyOf = importer({ KeySpec, KeyUsage: "SIGN_VERIFY" }, toMaterial);
      let asked = 0;
      for (const group of groupsOf(file)) {
        await each(group.tests, async (vector) => {
          const name = describeVector(file, vector);
          if (bytes(group["privateSeed"]).length !== 32) return assert.equal(vector.result, "invalid", name);
          const messages = [
            ["RAW", vector["msg"]],
            ["EXTERNAL_MU", vector["mu"]],
          ] as const;
          for (const [MessageType, hex] of messages) {
            if (hex === undefined) continue;
            const Message = bytes(hex);
            const Signature = bytes(vector["sig"] ?? "");
            // KMS takes messages of 1 to 4096 bytes.
            if (Signature.length === 0 || Message.length === 0 || Message.length > 4096) continue;
            const KeyId = await keyOf(group["privateSeed"]);
            const request = { KeyId, SigningAlgorithm: "ML_DSA_SHAKE_256" as const, MessageType, Message, Signature };
            const got = await outcome(kms.verify(request));
            asked++;
            // KMS signs with an empty context; a µ has taken the context in already.
            const context = (vector["ctx"] ?? "") as string;
            const valid = vector.result === "valid" && (MessageType === "EXTERNAL_MU" || context === "");
            const wanted = valid ? undefined : "KMSInvalidSignatureException";
            assert.equal("refused" in got ? got.refused : undefined, wanted, `${name} ${MessageType}`);
          }
        });
      }
      assert.ok(asked > 50, `${asked} vectors`);
    });
  }

  test("ImportKeyMaterial: aes_kwp", async () => {
    const input = { Origin: "EXTERNAL", KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" } as const;
    const KeyId = (await kms.createKey(input)).KeyMetadata!.KeyId!;
    const { ImportToken, oaep } = await wrappingFor(KeyId);
    for (const group of groupsOf("aes_kwp")) {
      if (group["keySize"] !== 256) continue;
      await each(group.tests, async (vector) => {
        const EncryptedKeyMaterial = Buffer.concat([publicEncrypt(oaep, bytes(vector["key"])), bytes(vector["ct"])]);
        const ExpirationModel = "KEY_MATERIAL_DOES_NOT_EXPIRE";
        const got = await outcome(kms.importKeyMaterial({ KeyId, ImportToken, EncryptedKeyMaterial, ExpirationModel }));
        // What opens is not this key's material most of the time; what does not open is said so.
        const opened = !("refused" in got) || got.refused === "IncorrectKeyMaterialException";
        if (!opened) assert.equal((got as { refused: string }).refused, "InvalidCiphertextException");
        assert.equal(opened, vector.result === "valid", describeVector("aes_kwp", vector));
      });
    }
  });
});

/** A valid signature that KMS does not accept, and why. */
type Explained = (group: Group, vector: Vector) => boolean;
const never: Explained = () => false;

describe("public keys alone, by the holder's functions", { skip }, () => {
  async function judge(
    file: string,
    spec: string,
    algorithm: string,
    keyOf: (group: Group) => KeyObject,
    digest: ((group: Group, vector: Vector) => { type: string; message: Buffer }) | undefined,
    explained: Explained = never,
  ): Promise<void> {
    const row = materialOf(spec) as PairRow;
    for (const group of groupsOf(file)) {
      let key: KeyObject;
      try {
        key = keyOf(group);
      } catch {
        // No public key at all.
        for (const vector of group.tests) assert.equal(vector.result, "invalid", describeVector(file, vector));
        continue;
      }
      for (const vector of group.tests) {
        const asked = [{ type: "RAW", message: bytes(vector["msg"] ?? "") }];
        if (digest) asked.push(digest(group, vector));
        const wanted = vector.result === "valid" && !explained(group, vector);
        const answers: boolean[] = [];
        for (const { type: messageType, message } of asked) {
          const answer = await verifyMessage({ row, algorithm, messageType, message }, key, bytes(vector["sig"]));
          if (vector.result !== "acceptable") {
            assert.equal(answer, wanted, `${describeVector(file, vector)} ${messageType}`);
          }
          answers.push(answer!);
        }
        assert.equal(new Set(answers).size, 1, "the same whoever hashes");
      }
    }
  }

  const spki = (field: string) => (group: Group) =>
    createPublicKey({ key: bytes(group[field]), format: "der", type: "spki" });
  const hashed = (hash: string) => (_: Group, vector: Vector) => ({
    type: "DIGEST",
    message: createHash(hash).update(bytes(vector["msg"])).digest(),
  });

  for (const [curve, spec, bits] of [
    ["secp256r1", "ECC_NIST_P256", 256],
    ["secp384r1", "ECC_NIST_P384", 384],
    ["secp521r1", "ECC_NIST_P521", 512],
    ["secp256k1", "ECC_SECG_P256K1", 256],
  ] as const) {
    const file = `ecdsa_${curve}_sha${bits}`;
    test(file, () => judge(file, spec, `ECDSA_SHA_${bits}`, spki("publicKeyDer"), hashed(`sha${bits}`)));
  }

  test("ed25519", () => judge("ed25519", "ECC_NIST_EDWARDS25519", "ED25519_SHA_512", spki("publicKeyDer"), undefined));

  for (const size of [2048, 3072, 4096]) {
    for (const bits of [256, 384, 512]) {
      const file = `rsa_signature_${size}_sha${bits}`;
      const algorithm = `RSASSA_PKCS1_V1_5_SHA_${bits}`;
      test(file, () => judge(file, `RSA_${size}`, algorithm, spki("publicKeyDer"), hashed(`sha${bits}`)));
    }
  }

  const rsaKey = (group: Group): KeyObject =>
    createPublicKey({ key: bytes(group["publicKeyAsn"]), format: "der", type: "pkcs1" });
  for (const [size, bits, salt] of [
    [2048, 256, 32],
    [2048, 384, 48],
    [3072, 256, 32],
    [4096, 256, 32],
    [4096, 384, 48],
    [4096, 512, 32],
    [4096, 512, 64],
  ] as const) {
    const file = `rsa_pss_${size}_sha${bits}_mgf1_${salt}`;
    // KMS wants a salt as long as the digest.
    const otherSalt: Explained = (group) => group["sLen"] !== bits / 8;
    const algorithm = `RSASSA_PSS_SHA_${bits}`;
    test(file, () => judge(file, `RSA_${size}`, algorithm, rsaKey, hashed(`sha${bits}`), otherSalt));
  }

  for (const size of [44, 65, 87]) {
    const file = `mldsa_${size}_verify`;
    const mu = (group: Group, vector: Vector) => {
      const shake = (...parts: Buffer[]): Buffer =>
        createHash("shake256", { outputLength: 64 }).update(Buffer.concat(parts)).digest();
      const message = shake(shake(bytes(group["publicKey"])), Buffer.of(0, 0), bytes(vector["msg"] ?? ""));
      return { type: "EXTERNAL_MU", message };
    };
    // KMS signs with an empty context.
    const context: Explained = (_, vector) => ((vector["ctx"] ?? "") as string) !== "";
    test(file, () => judge(file, `ML_DSA_${size}`, "ML_DSA_SHAKE_256", spki("publicKeyDer"), mu, context));
  }
});
