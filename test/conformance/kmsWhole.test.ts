/** Key pairs, imported material, multi-Region keys and last use through the AWS SDK, with OpenSSL's command line as judge. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  ExpiredImportTokenException,
  IncorrectKeyMaterialException,
  InvalidCiphertextException,
  InvalidImportTokenException,
  KMS,
  KMSInvalidSignatureException,
  KMSInvalidStateException,
  type SigningAlgorithmSpec,
  UnsupportedOperationException,
} from "@aws-sdk/client-kms";
import { type Instance, repository, startInstance } from "../instance.ts";

let instance: Instance;
let dataDir: string;
let kms: KMS;
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "jikimi-kms-whole-"));
  instance = await startInstance({ dataDir, args: ["--adjustable-clock"] });
  kms = new KMS(instance.client);
});
after(async () => {
  await instance.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const hello = Buffer.from("hello");

function jikimi(...args: string[]): void {
  const main = join(repository, "src/cli/main.ts");
  const run = spawnSync(process.execPath, ["--no-warnings", main, "--data", dataDir, ...args], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
}

let count = 0;
/** Runs `openssl`; arguments that begin with "@" name files with this content. */
async function openssl(
  args: readonly string[],
  files: Readonly<Record<string, Uint8Array>>,
): Promise<Buffer | undefined> {
  const paths = new Map<string, string>();
  for (const [name, content] of Object.entries(files)) {
    paths.set(`@${name}`, join(dataDir, `openssl-${++count}`));
    await writeFile(paths.get(`@${name}`)!, content);
  }
  const run = spawnSync(
    "openssl",
    args.map((argument) => paths.get(argument) ?? argument),
  );
  for (const path of paths.values()) await rm(path, { force: true });
  return run.status === 0 ? run.stdout : undefined;
}

async function createKey(input: Parameters<KMS["createKey"]>[0]): Promise<string> {
  return (await kms.createKey(input)).KeyMetadata!.KeyId!;
}

const rsaAlgorithms: readonly SigningAlgorithmSpec[] = [
  "RSASSA_PKCS1_V1_5_SHA_256",
  "RSASSA_PKCS1_V1_5_SHA_384",
  "RSASSA_PKCS1_V1_5_SHA_512",
  "RSASSA_PSS_SHA_256",
  "RSASSA_PSS_SHA_384",
  "RSASSA_PSS_SHA_512",
];

describe("OpenSSL accepts what KMS signs", () => {
  for (const [KeySpec, algorithms] of [
    ["RSA_2048", rsaAlgorithms],
    ["ECC_NIST_P256", ["ECDSA_SHA_256"]],
    ["ECC_NIST_P384", ["ECDSA_SHA_384"]],
    ["ECC_NIST_P521", ["ECDSA_SHA_512"]],
    ["ECC_SECG_P256K1", ["ECDSA_SHA_256"]],
    ["ECC_NIST_EDWARDS25519", ["ED25519_SHA_512"]],
  ] as const) {
    test(KeySpec, async () => {
      const KeyId = await createKey({ KeySpec, KeyUsage: "SIGN_VERIFY" });
      const publicKey = (await kms.getPublicKey({ KeyId })).PublicKey!;
      for (const SigningAlgorithm of algorithms) {
        const hash = `sha${SigningAlgorithm.slice(-3)}`;
        const digest = await openssl(["dgst", `-${hash}`, "-binary", "@hello"], { hello });
        const edwards = KeySpec === "ECC_NIST_EDWARDS25519";
        const inputs = edwards
          ? ([["RAW", hello]] as const)
          : ([
              ["RAW", hello],
              ["DIGEST", digest!],
            ] as const);
        for (const [MessageType, Message] of inputs) {
          const { Signature } = await kms.sign({ KeyId, SigningAlgorithm, MessageType, Message });
          const pss = SigningAlgorithm.includes("PSS")
            ? ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]
            : [];
          const how = edwards ? ["-rawin"] : ["-pkeyopt", `digest:${hash}`, ...pss];
          const args = [
            "pkeyutl",
            "-verify",
            "-pubin",
            "-keyform",
            "DER",
            "-inkey",
            "@publicKey",
            "-sigfile",
            "@signature",
            "-in",
            "@data",
            ...how,
          ];
          const data = edwards ? hello : digest!;
          const name = `${SigningAlgorithm} ${MessageType}`;
          assert.ok(await openssl(args, { publicKey, signature: Signature!, data }), name);
          assert.equal(
            (await kms.verify({ KeyId, SigningAlgorithm, MessageType, Message, Signature })).SignatureValid,
            true,
          );
        }
      }
    });
  }

  test("and KMS what OpenSSL signs with a key that was imported by its command line", async () => {
    const key = (await openssl(
      ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-outform", "DER"],
      {},
    ))!;
    const pkcs8 = (await openssl(["pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER", "-in", "@key"], {
      key,
    }))!;
    const KeyId = await createKey({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY", Origin: "EXTERNAL" });
    const WrappingAlgorithm = "RSAES_OAEP_SHA_256" as const;
    const { ImportToken, PublicKey } = await kms.getParametersForImport({
      KeyId,
      WrappingAlgorithm,
      WrappingKeySpec: "RSA_3072",
    });
    const EncryptedKeyMaterial = (await openssl(
      [
        "pkeyutl",
        "-encrypt",
        "-pubin",
        "-keyform",
        "DER",
        "-inkey",
        "@wrapping",
        "-in",
        "@pkcs8",
        "-pkeyopt",
        "rsa_padding_mode:oaep",
        "-pkeyopt",
        "rsa_oaep_md:sha256",
        "-pkeyopt",
        "rsa_mgf1_md:sha256",
      ],
      { wrapping: PublicKey!, pkcs8 },
    ))!;
    await kms.importKeyMaterial({
      KeyId,
      ImportToken,
      EncryptedKeyMaterial,
      ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE",
    });
    const Signature = (await openssl(["dgst", "-sha256", "-sign", "@pkcs8", "-keyform", "DER", "@hello"], {
      pkcs8,
      hello,
    }))!;
    const request = { KeyId, SigningAlgorithm: "ECDSA_SHA_256" as const, Message: hello };
    assert.equal((await kms.verify({ ...request, Signature })).SignatureValid, true);
    await assert.rejects(
      kms.verify({ ...request, Message: Buffer.from("other"), Signature }),
      KMSInvalidSignatureException,
    );
  });
});

test("OpenSSL decrypts with an imported RSA key what KMS encrypts, and the other way round", async () => {
  const pkcs8 = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "der" });
  const KeyId = await createKey({ KeySpec: "RSA_2048", KeyUsage: "ENCRYPT_DECRYPT", Origin: "EXTERNAL" });
  await importMaterial(KeyId, pkcs8);
  const publicKey = (await kms.getPublicKey({ KeyId })).PublicKey!;
  for (const [EncryptionAlgorithm, hash] of [
    ["RSAES_OAEP_SHA_1", "sha1"],
    ["RSAES_OAEP_SHA_256", "sha256"],
  ] as const) {
    const options = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", `rsa_oaep_md:${hash}`];
    const { CiphertextBlob: sealed } = await kms.encrypt({ KeyId, EncryptionAlgorithm, Plaintext: hello });
    const opened = await openssl(
      ["pkeyutl", "-decrypt", "-keyform", "DER", "-inkey", "@pkcs8", "-in", "@sealed", ...options],
      { pkcs8, sealed: sealed! },
    );
    assert.deepEqual(opened, hello);
    const CiphertextBlob = await openssl(
      ["pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "@publicKey", "-in", "@hello", ...options],
      { publicKey, hello },
    );
    assert.deepEqual(
      Buffer.from((await kms.decrypt({ KeyId, EncryptionAlgorithm, CiphertextBlob })).Plaintext!),
      hello,
    );
    const changed = Buffer.from(CiphertextBlob!);
    changed[7]! ^= 1;
    await assert.rejects(
      kms.decrypt({ KeyId, EncryptionAlgorithm, CiphertextBlob: changed }),
      InvalidCiphertextException,
    );
  }
});

/** RSA_AES_KEY_WRAP_SHA_256 as AWS's guide does it: two calls of OpenSSL's command line. */
async function wrapped(publicKey: Uint8Array, material: Uint8Array): Promise<Buffer> {
  const aes = Buffer.from((await kms.generateRandom({ NumberOfBytes: 32 })).Plaintext!);
  const inside = await openssl(
    ["enc", "-id-aes256-wrap-pad", "-K", aes.toString("hex"), "-iv", "A65959A6", "-in", "@material"],
    { material },
  );
  const outside = await openssl(
    [
      "pkeyutl",
      "-encrypt",
      "-pubin",
      "-keyform",
      "DER",
      "-inkey",
      "@publicKey",
      "-in",
      "@aes",
      "-pkeyopt",
      "rsa_padding_mode:oaep",
      "-pkeyopt",
      "rsa_oaep_md:sha256",
      "-pkeyopt",
      "rsa_mgf1_md:sha256",
    ],
    { publicKey, aes },
  );
  return Buffer.concat([outside!, inside!]);
}

async function importMaterial(KeyId: string, material: Uint8Array, client = kms): Promise<void> {
  const WrappingAlgorithm = "RSA_AES_KEY_WRAP_SHA_256" as const;
  const { ImportToken, PublicKey } = await client.getParametersForImport({
    KeyId,
    WrappingAlgorithm,
    WrappingKeySpec: "RSA_2048",
  });
  const EncryptedKeyMaterial = await wrapped(PublicKey!, material);
  await client.importKeyMaterial({
    KeyId,
    ImportToken,
    EncryptedKeyMaterial,
    ExpirationModel: "KEY_MATERIAL_DOES_NOT_EXPIRE",
  });
}

test("post-quantum keys, key agreement and data key pairs", async () => {
  const signer = await createKey({ KeySpec: "ML_DSA_65", KeyUsage: "SIGN_VERIFY" });
  const request = { KeyId: signer, SigningAlgorithm: "ML_DSA_SHAKE_256" as const, Message: hello };
  const { Signature } = await kms.sign(request);
  assert.equal(Signature!.length, 3309);
  assert.equal((await kms.verify({ ...request, Signature })).SignatureValid, true);
  const kem = await createKey({ KeySpec: "ML_KEM_768", KeyUsage: "ENCAPSULATE_DECAPSULATE" });
  const sent = await kms.encapsulate({ KeyId: kem, EncapsulationAlgorithm: "ML_KEM" });
  const { SharedSecretCiphertextBlob } = sent;
  const got = await kms.decapsulate({ KeyId: kem, EncapsulationAlgorithm: "ML_KEM", SharedSecretCiphertextBlob });
  assert.deepEqual(got.SharedSecret, sent.SharedSecret);
  const [a, b] = [
    await createKey({ KeySpec: "ECC_NIST_P384", KeyUsage: "KEY_AGREEMENT" }),
    await createKey({ KeySpec: "ECC_NIST_P384", KeyUsage: "KEY_AGREEMENT" }),
  ];
  const secret = async (own: string, peer: string): Promise<Uint8Array> => {
    const { PublicKey } = await kms.getPublicKey({ KeyId: peer });
    return (await kms.deriveSharedSecret({ KeyId: own, KeyAgreementAlgorithm: "ECDH", PublicKey })).SharedSecret!;
  };
  assert.deepEqual(await secret(a, b), await secret(b, a));
  const KeyId = await createKey({});
  const pair = await kms.generateDataKeyPair({ KeyId, KeyPairSpec: "RSA_2048" });
  const opened = (await kms.decrypt({ CiphertextBlob: pair.PrivateKeyCiphertextBlob })).Plaintext!;
  const key = createPrivateKey({ key: Buffer.from(opened), format: "der", type: "pkcs8" });
  assert.deepEqual(createPublicKey(key).export({ type: "spki", format: "der" }), Buffer.from(pair.PublicKey!));
  await assert.rejects(kms.createKey({ KeySpec: "SM2", KeyUsage: "SIGN_VERIFY" }), UnsupportedOperationException);
});

test("import: tokens bind and expire, material expires on its date by itself and comes back; restart in between", async () => {
  const material = Buffer.from((await kms.generateRandom({ NumberOfBytes: 32 })).Plaintext!);
  const KeyId = await createKey({ Origin: "EXTERNAL" });
  const other = await createKey({ Origin: "EXTERNAL" });
  const parameters = { KeyId, WrappingAlgorithm: "RSA_AES_KEY_WRAP_SHA_256", WrappingKeySpec: "RSA_2048" } as const;
  const { ImportToken, PublicKey } = await kms.getParametersForImport(parameters);
  const EncryptedKeyMaterial = await wrapped(PublicKey!, material);
  const status = await kms.describeKey({ KeyId });
  const ValidTo = new Date(Number(status.KeyMetadata!.CreationDate) + 3 * 86_400_000);
  const request = { ImportToken, EncryptedKeyMaterial, ValidTo };
  await assert.rejects(kms.importKeyMaterial({ KeyId: other, ...request }), InvalidImportTokenException);
  await kms.importKeyMaterial({ KeyId, ...request });
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: hello });
  await instance.kill();
  instance = await startInstance({ dataDir, args: ["--adjustable-clock"] });
  kms = new KMS(instance.client);
  assert.deepEqual(Buffer.from((await kms.decrypt({ CiphertextBlob })).Plaintext!), hello);
  jikimi("time", "+4d");
  await assert.rejects(kms.decrypt({ CiphertextBlob }), KMSInvalidStateException);
  const { ValidTo: _, ...again } = request;
  const ExpirationModel = "KEY_MATERIAL_DOES_NOT_EXPIRE";
  await assert.rejects(kms.importKeyMaterial({ KeyId, ...again, ExpirationModel }), ExpiredImportTokenException);
  await assert.rejects(importMaterial(KeyId, Buffer.alloc(32)), IncorrectKeyMaterialException);
  await importMaterial(KeyId, material);
  assert.deepEqual(Buffer.from((await kms.decrypt({ CiphertextBlob })).Plaintext!), hello);
  for (const name of ["store.sqlite", "store.sqlite-wal"]) {
    const content = await readFile(join(dataDir, name)).catch(() => Buffer.alloc(0));
    assert.ok(!content.includes(material) && !content.includes(material.toString("base64")), name);
  }
});

test("a multi-Region key: encrypted in one Region, decrypted in another, after rotation and a change of primary", async () => {
  const elsewhere = new KMS({ ...instance.client, region: "eu-west-1" });
  const KeyId = await createKey({ MultiRegion: true });
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: hello });
  await assert.rejects(elsewhere.decrypt({ CiphertextBlob }), { name: "AccessDeniedException" });
  await kms.replicateKey({ KeyId, ReplicaRegion: "eu-west-1" });
  assert.deepEqual(Buffer.from((await elsewhere.decrypt({ CiphertextBlob })).Plaintext!), hello);
  await kms.updatePrimaryRegion({ KeyId, PrimaryRegion: "eu-west-1" });
  await elsewhere.rotateKeyOnDemand({ KeyId });
  const sealed = await elsewhere.encrypt({ KeyId, Plaintext: hello });
  assert.deepEqual(Buffer.from((await kms.decrypt({ CiphertextBlob: sealed.CiphertextBlob })).Plaintext!), hello);
  const { KeyMetadata } = await kms.describeKey({ KeyId });
  assert.equal(KeyMetadata!.MultiRegionConfiguration!.MultiRegionKeyType, "REPLICA");
});

test("GetKeyLastUsage: the trail's event of the last use", async () => {
  const KeyId = await createKey({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" });
  assert.deepEqual((await kms.getKeyLastUsage({ KeyId })).KeyLastUsage, {});
  const { $metadata } = await kms.sign({ KeyId, SigningAlgorithm: "ECDSA_SHA_256", Message: hello });
  let usage = (await kms.getKeyLastUsage({ KeyId })).KeyLastUsage;
  while (!usage?.Operation) usage = (await kms.getKeyLastUsage({ KeyId })).KeyLastUsage;
  assert.deepEqual([usage.Operation, usage.KmsRequestId], ["Sign", $metadata.requestId]);
});
