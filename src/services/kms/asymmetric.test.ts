/** Key pairs through KMS: every spec, usage and algorithm, and each refusal. The signatures themselves: `src/keys/pairs.test.ts`. */
import assert from "node:assert/strict";
import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, publicEncrypt, verify } from "node:crypto";
import { constants } from "node:crypto";
import { describe, test } from "node:test";
import { algorithmsOf } from "./specs.ts";
import { world, message, key, createKey, pairs } from "./testingPairs.ts";

describe("CreateKey, DescribeKey and GetPublicKey", () => {
  for (const { spec, usages } of pairs) {
    for (const usage of usages) {
      test(`${spec} for ${usage}`, async () => {
        const { KeyId, Arn } = await key(spec, usage);
        const { KeyMetadata } = await world.call("DescribeKey", { KeyId });
        const algorithms = algorithmsOf({ spec, usage });
        const expected = { KeySpec: spec, KeyUsage: usage, KeyState: "Enabled", Origin: "AWS_KMS", ...algorithms };
        for (const [name, value] of Object.entries(expected)) assert.deepEqual(KeyMetadata[name], value, name);
        assert.equal("CurrentKeyMaterialId" in KeyMetadata, false);
        const got = await world.call("GetPublicKey", { KeyId });
        createPublicKey({ key: got.PublicKey, format: "der", type: "spki" });
        assert.deepEqual([got.KeyId, got.KeySpec, got.KeyUsage], [Arn, spec, usage]);
        for (const [name, value] of Object.entries(algorithms)) assert.deepEqual(got[name], value);
      });
    }
  }

  const refused: [string, Record<string, unknown>, string][] = [
    ["SM2, outside China", { KeySpec: "SM2", KeyUsage: "SIGN_VERIFY" }, "UnsupportedOperationException"],
    ["a usage the spec has not", { KeySpec: "RSA_2048", KeyUsage: "KEY_AGREEMENT" }, "ValidationException"],
    ["agreement on secp256k1", { KeySpec: "ECC_SECG_P256K1", KeyUsage: "KEY_AGREEMENT" }, "ValidationException"],
    ["encryption with a curve", { KeySpec: "ECC_NIST_P256", KeyUsage: "ENCRYPT_DECRYPT" }, "ValidationException"],
    ["no usage", { KeySpec: "ML_DSA_44" }, "ValidationException"],
  ];
  for (const [name, input, code] of refused) {
    test(`refuses: ${name}`, () => assert.rejects(world.call("CreateKey", input), { code, status: 400 }));
  }

  test("GetPublicKey refuses what has none, and disabled keys", async () => {
    const symmetric = await createKey({});
    await assert.rejects(world.call("GetPublicKey", { KeyId: symmetric.KeyId }), {
      code: "UnsupportedOperationException",
    });
    const { KeyId, Arn } = await createKey({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" });
    await world.call("DisableKey", { KeyId });
    await assert.rejects(world.call("GetPublicKey", { KeyId }), {
      code: "DisabledException",
      message: `${Arn} is disabled.`,
    });
  });
});

describe("Sign and Verify", () => {
  const hashOf = (algorithm: string): string => `sha${algorithm.slice(-3)}`;
  for (const { spec, signingAlgorithms = [] } of pairs) {
    for (const SigningAlgorithm of signingAlgorithms) {
      test(`${spec} ${SigningAlgorithm}`, async () => {
        const { KeyId, Arn } = await key(spec, "SIGN_VERIFY");
        const { PublicKey } = await world.call("GetPublicKey", { KeyId });
        const publicKey = createPublicKey({ key: PublicKey, format: "der", type: "spki" });
        const inputs: [string, Buffer][] = [];
        if (SigningAlgorithm !== "ED25519_PH_SHA_512") inputs.push(["RAW", message]);
        if (SigningAlgorithm === "ML_DSA_SHAKE_256")
          inputs.push(["EXTERNAL_MU", mu(publicKey.export({ format: "raw-public" }))]);
        else if (SigningAlgorithm !== "ED25519_SHA_512") {
          inputs.push(["DIGEST", createHash(hashOf(SigningAlgorithm)).update(message).digest()]);
        }
        for (const [MessageType, Message] of inputs) {
          const request = { KeyId, SigningAlgorithm, MessageType, Message };
          const { Signature, ...rest } = await world.call("Sign", request);
          assert.deepEqual(rest, { KeyId: Arn, SigningAlgorithm });
          assert.deepEqual(await world.call("Verify", { ...request, Signature }), {
            KeyId: Arn,
            SignatureValid: true,
            SigningAlgorithm,
          });
          if (SigningAlgorithm !== "ED25519_PH_SHA_512") assert.ok(outside(SigningAlgorithm, publicKey, Signature));
          const changed = Buffer.from(Signature);
          changed[changed.length - 3]! ^= 1;
          for (const wrong of [changed, Signature.subarray(1), Buffer.of(0)]) {
            await assert.rejects(world.call("Verify", { ...request, Signature: wrong }), {
              code: "KMSInvalidSignatureException",
              message: "",
              status: 400,
            });
          }
        }
      });
    }
  }

  function mu(publicKey: Uint8Array): Buffer {
    const shake = (data: Uint8Array) => createHash("shake256", { outputLength: 64 }).update(data).digest();
    return shake(Buffer.concat([shake(publicKey), Buffer.of(0, 0), message]));
  }

  function outside(algorithm: string, publicKey: ReturnType<typeof createPublicKey>, signature: Uint8Array): boolean {
    if (/^(ED25519|ML_DSA)/.test(algorithm)) return verify(null, message, publicKey, signature);
    const pss = algorithm.startsWith("RSASSA_PSS")
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : {};
    return verify(hashOf(algorithm), message, { key: publicKey, ...pss }, signature);
  }

  const digest = createHash("sha256").update(message).digest();
  const refused: [string, string, Record<string, unknown>, string, string | RegExp][] = [
    [
      "an algorithm of another key",
      "RSA_2048",
      { SigningAlgorithm: "ECDSA_SHA_256" },
      "InvalidKeyUsageException",
      "Algorithm ECDSA_SHA_256 is incompatible with key spec RSA_2048.",
    ],
    [
      "an algorithm of another curve",
      "ECC_NIST_P256",
      { SigningAlgorithm: "ECDSA_SHA_384" },
      "InvalidKeyUsageException",
      /incompatible/,
    ],
    [
      "a digest of a wrong length",
      "ECC_NIST_P256",
      { SigningAlgorithm: "ECDSA_SHA_256", MessageType: "DIGEST", Message: digest.subarray(1) },
      "ValidationException",
      "Digest is invalid length for algorithm ECDSA_SHA_256.",
    ],
    [
      "µ of a wrong length",
      "ML_DSA_44",
      { SigningAlgorithm: "ML_DSA_SHAKE_256", MessageType: "EXTERNAL_MU" },
      "ValidationException",
      "Digest is invalid length for algorithm ML_DSA_SHAKE_256.",
    ],
    [
      "µ for a curve",
      "ECC_NIST_P256",
      { SigningAlgorithm: "ECDSA_SHA_256", MessageType: "EXTERNAL_MU" },
      "ValidationException",
      /MessageType/,
    ],
    [
      "a digest for ML-DSA",
      "ML_DSA_44",
      { SigningAlgorithm: "ML_DSA_SHAKE_256", MessageType: "DIGEST" },
      "ValidationException",
      /MessageType/,
    ],
    [
      "a digest for Ed25519",
      "ECC_NIST_EDWARDS25519",
      { SigningAlgorithm: "ED25519_SHA_512", MessageType: "DIGEST" },
      "ValidationException",
      /MessageType/,
    ],
    [
      "a raw message for Ed25519ph",
      "ECC_NIST_EDWARDS25519",
      { SigningAlgorithm: "ED25519_PH_SHA_512" },
      "ValidationException",
      /MessageType/,
    ],
    [
      "more than 4096 bytes",
      "ECC_NIST_P256",
      { SigningAlgorithm: "ECDSA_SHA_256", Message: Buffer.alloc(4097) },
      "ValidationException",
      /4096/,
    ],
    [
      "dry run",
      "ECC_NIST_P256",
      { SigningAlgorithm: "ECDSA_SHA_256", DryRun: true },
      "DryRunOperationException",
      /DryRun/,
    ],
  ];
  for (const [name, spec, input, code, text] of refused) {
    test(`refuses: ${name}`, async () => {
      const { KeyId } = await key(spec, "SIGN_VERIFY");
      for (const operation of ["Sign", "Verify"]) {
        const request = { KeyId, Message: message, ...input, ...(operation === "Verify" ? { Signature: digest } : {}) };
        await assert.rejects(world.call(operation, request), { code, message: text });
      }
    });
  }

  test("a key does what its usage says and nothing else", async () => {
    const encrypting = await key("RSA_2048", "ENCRYPT_DECRYPT");
    const signing = await key("RSA_2048", "SIGN_VERIFY");
    const agreeing = await key("ECC_NIST_P256", "KEY_AGREEMENT");
    const request = { Message: message, SigningAlgorithm: "RSASSA_PSS_SHA_256" };
    const wrong: [string, Record<string, unknown>][] = [
      ["Sign", { KeyId: encrypting.KeyId, ...request }],
      ["Sign", { KeyId: agreeing.KeyId, Message: message, SigningAlgorithm: "ECDSA_SHA_256" }],
      ["Encrypt", { KeyId: signing.KeyId, Plaintext: message, EncryptionAlgorithm: "RSAES_OAEP_SHA_256" }],
      ["Encrypt", { KeyId: encrypting.KeyId, Plaintext: message }],
      ["GenerateDataKey", { KeyId: encrypting.KeyId, KeySpec: "AES_256" }],
      ["GenerateDataKeyPair", { KeyId: encrypting.KeyId, KeyPairSpec: "ECC_NIST_P256" }],
      ["GenerateMac", { KeyId: signing.KeyId, Message: message, MacAlgorithm: "HMAC_SHA_256" }],
      ["DeriveSharedSecret", { KeyId: signing.KeyId, KeyAgreementAlgorithm: "ECDH", PublicKey: message }],
      ["Encapsulate", { KeyId: signing.KeyId, EncapsulationAlgorithm: "ML_KEM" }],
    ];
    for (const [operation, input] of wrong) {
      await assert.rejects(world.call(operation, input), { code: "InvalidKeyUsageException" }, operation);
    }
    await assert.rejects(world.call("EnableKeyRotation", { KeyId: signing.KeyId }), {
      code: "UnsupportedOperationException",
    });
  });
});

describe("RSA encryption", () => {
  for (const [spec, algorithm, most] of [
    ["RSA_2048", "RSAES_OAEP_SHA_1", 214],
    ["RSA_2048", "RSAES_OAEP_SHA_256", 190],
    ["RSA_3072", "RSAES_OAEP_SHA_256", 318],
    ["RSA_4096", "RSAES_OAEP_SHA_1", 470],
  ] as const) {
    test(`${spec} ${algorithm}: up to ${most} bytes, also what was encrypted outside`, async () => {
      const { KeyId, Arn } = await key(spec, "ENCRYPT_DECRYPT");
      const request = { KeyId, EncryptionAlgorithm: algorithm };
      const Plaintext = Buffer.alloc(most, 7);
      const sealed = await world.call("Encrypt", { ...request, Plaintext });
      assert.deepEqual([sealed.KeyId, sealed.EncryptionAlgorithm], [Arn, algorithm]);
      const { PublicKey } = await world.call("GetPublicKey", { KeyId });
      const publicKey = createPublicKey({ key: PublicKey, format: "der", type: "spki" });
      const oaepHash = algorithm === "RSAES_OAEP_SHA_1" ? "sha1" : "sha256";
      const outside = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, Plaintext);
      for (const CiphertextBlob of [sealed.CiphertextBlob, outside]) {
        const opened = await world.call("Decrypt", { ...request, CiphertextBlob });
        assert.deepEqual(opened.Plaintext, Plaintext);
        assert.equal("KeyMaterialId" in opened, false);
      }
      await assert.rejects(world.call("Encrypt", { ...request, Plaintext: Buffer.alloc(most + 1) }), {
        code: "ValidationException",
        message: `Algorithm ${algorithm} and key spec ${spec} cannot encrypt data larger than ${most} bytes.`,
      });
      const changed = Buffer.from(outside);
      changed[9]! ^= 1;
      await assert.rejects(world.call("Decrypt", { ...request, CiphertextBlob: changed }), {
        code: "InvalidCiphertextException",
        message: "",
      });
      await assert.rejects(world.call("Decrypt", { EncryptionAlgorithm: algorithm, CiphertextBlob: outside }), {
        code: "ValidationException",
      });
      await assert.rejects(world.call("Decrypt", { CiphertextBlob: outside }), { code: "InvalidCiphertextException" });
      await assert.rejects(world.call("Encrypt", { ...request, Plaintext: message, EncryptionContext: { a: "b" } }), {
        code: "ValidationException",
      });
    });
  }

  test("ReEncrypt between asymmetric and symmetric keys", async () => {
    const rsa = await key("RSA_2048", "ENCRYPT_DECRYPT");
    const symmetric = await createKey({});
    const algorithm = "RSAES_OAEP_SHA_256";
    const { CiphertextBlob } = await world.call("Encrypt", {
      KeyId: rsa.KeyId,
      Plaintext: message,
      EncryptionAlgorithm: algorithm,
    });
    const moved = await world.call("ReEncrypt", {
      CiphertextBlob,
      SourceKeyId: rsa.KeyId,
      SourceEncryptionAlgorithm: algorithm,
      DestinationKeyId: symmetric.KeyId,
      DestinationEncryptionContext: { a: "b" },
    });
    assert.deepEqual(
      [moved.SourceKeyId, moved.KeyId, moved.SourceEncryptionAlgorithm],
      [rsa.Arn, symmetric.Arn, algorithm],
    );
    const opened = await world.call("Decrypt", { CiphertextBlob: moved.CiphertextBlob, EncryptionContext: { a: "b" } });
    assert.deepEqual(opened.Plaintext, message);
    const back = await world.call("ReEncrypt", {
      CiphertextBlob: moved.CiphertextBlob,
      SourceEncryptionContext: { a: "b" },
      DestinationKeyId: rsa.KeyId,
      DestinationEncryptionAlgorithm: algorithm,
    });
    const request = { KeyId: rsa.KeyId, EncryptionAlgorithm: algorithm, CiphertextBlob: back.CiphertextBlob };
    assert.deepEqual((await world.call("Decrypt", request)).Plaintext, message);
  });
});

describe("DeriveSharedSecret, Encapsulate, Decapsulate", () => {
  for (const [spec, namedCurve] of [
    ["ECC_NIST_P256", "P-256"],
    ["ECC_NIST_P384", "P-384"],
    ["ECC_NIST_P521", "P-521"],
  ] as const) {
    test(`${spec}: both sides have the same secret`, async () => {
      const { KeyId, Arn } = await key(spec, "KEY_AGREEMENT");
      const peer = generateKeyPairSync("ec", { namedCurve });
      const { PublicKey } = await world.call("GetPublicKey", { KeyId });
      const own = createPublicKey({ key: PublicKey, format: "der", type: "spki" });
      const request = { KeyId, KeyAgreementAlgorithm: "ECDH" };
      const peerKey = peer.publicKey.export({ type: "spki", format: "der" });
      assert.deepEqual(await world.call("DeriveSharedSecret", { ...request, PublicKey: peerKey }), {
        KeyId: Arn,
        SharedSecret: diffieHellman({ privateKey: peer.privateKey, publicKey: own }),
        KeyAgreementAlgorithm: "ECDH",
        KeyOrigin: "AWS_KMS",
      });
      const explicit = generateKeyPairSync("ec", { namedCurve, paramEncoding: "explicit" }).publicKey;
      for (const wrong of [peerKey.subarray(1), explicit.export({ type: "spki", format: "der" })]) {
        await assert.rejects(world.call("DeriveSharedSecret", { ...request, PublicKey: wrong }), {
          code: "ValidationException",
        });
      }
    });
  }

  for (const spec of ["ML_KEM_512", "ML_KEM_768", "ML_KEM_1024"]) {
    test(spec, async () => {
      const { KeyId, Arn } = await key(spec, "ENCAPSULATE_DECAPSULATE");
      const request = { KeyId, EncapsulationAlgorithm: "ML_KEM" };
      const { SharedSecret, SharedSecretCiphertextBlob, ...rest } = await world.call("Encapsulate", request);
      assert.deepEqual(rest, { KeyId: Arn, EncapsulationAlgorithm: "ML_KEM" });
      const opened = await world.call("Decapsulate", { ...request, SharedSecretCiphertextBlob });
      assert.deepEqual(opened, { KeyId: Arn, SharedSecret, EncapsulationAlgorithm: "ML_KEM" });
      const shorter = SharedSecretCiphertextBlob.subarray(1);
      await assert.rejects(world.call("Decapsulate", { ...request, SharedSecretCiphertextBlob: shorter }), {
        code: "InvalidCiphertextException",
      });
      await assert.rejects(world.call("Encapsulate", { ...request, DryRun: true }), {
        code: "DryRunOperationException",
      });
    });
  }
});

describe("data key pairs", () => {
  for (const KeyPairSpec of ["RSA_2048", "ECC_NIST_P384", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519", "ML_KEM_768"]) {
    test(KeyPairSpec, async () => {
      const { KeyId, Arn } = await createKey({});
      const EncryptionContext = { a: "b" };
      const made = await world.call("GenerateDataKeyPair", { KeyId, KeyPairSpec, EncryptionContext });
      assert.deepEqual([made.KeyId, made.KeyPairSpec], [Arn, KeyPairSpec]);
      const CiphertextBlob = made.PrivateKeyCiphertextBlob;
      assert.deepEqual(
        (await world.call("Decrypt", { CiphertextBlob, EncryptionContext })).Plaintext,
        made.PrivateKeyPlaintext,
      );
      await assert.rejects(world.call("Decrypt", { CiphertextBlob }), { code: "InvalidCiphertextException" });
      const without = await world.call("GenerateDataKeyPairWithoutPlaintext", { KeyId, KeyPairSpec });
      assert.equal("PrivateKeyPlaintext" in without, false);
      assert.ok(
        (await world.call("Decrypt", { CiphertextBlob: without.PrivateKeyCiphertextBlob })).Plaintext.length > 31,
      );
    });
  }

  test("refuses SM2, enclaves, dry runs", async () => {
    const { KeyId } = await createKey({});
    const refuse = (input: object, code: string) =>
      assert.rejects(world.call("GenerateDataKeyPair", { KeyId, KeyPairSpec: "ECC_NIST_P256", ...input }), { code });
    await refuse({ KeyPairSpec: "SM2" }, "UnsupportedOperationException");
    await refuse({ Recipient: { AttestationDocument: message } }, "ValidationException");
    await refuse({ DryRun: true }, "DryRunOperationException");
  });
});
