/** What an application gets and is refused, mechanism by mechanism; values of standards' examples; both backends. */
import assert from "node:assert/strict";
import {
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  verify,
} from "node:crypto";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { embeddedBackend, moduleBackend, type ChosenBackend } from "../plane/backends.ts";
import type { Attribute } from "../rpc/attributes.ts";
import type { RpcName } from "../rpc/calls.ts";
import { RpcClient } from "../rpc/client.ts";
import type { RpcValue } from "../rpc/messages.ts";
import type { Mechanism } from "../rpc/mechanisms.ts";
import { TestPlane } from "../testing.ts";
import { CKA, CKF, CKG, CKK, CKM, CKO, CKR, CKU, Failure } from "./constants.ts";
import { curveRow } from "./curves.ts";

const softHsm = moduleBackend({ module: "softhsm", path: process.env["PATH"] ?? "" });
const backends: [string, ChosenBackend, string | false][] = [
  ["embedded", embeddedBackend, false],
  ["SoftHSM", softHsm, softHsm.kind === "none" && softHsm.description],
];

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const is = (type: number, value: number | Buffer | number[]): Attribute => ({ type, value });
const fails = (code: keyof typeof CKR) => (error: unknown) => {
  assert.ok(error instanceof Failure, String(error));
  assert.equal(`0x${error.code.toString(16)}`, `0x${CKR[code].toString(16)}`, code);
  return true;
};

/** One application with one session. */
class App {
  readonly #client: RpcClient;
  session = 0;

  private constructor(client: RpcClient) {
    this.#client = client;
  }

  static async open(path: string, user?: string, flags: number = CKF.SERIAL_SESSION | CKF.RW_SESSION): Promise<App> {
    const socket = connect(path);
    const app = new App(new RpcClient(socket, socket, { end: () => socket.destroy() }));
    await app.#client.initialize();
    [app.session] = (await app.#client.call("C_OpenSession", [1, flags])) as [number];
    if (user) await app.call("C_Login", CKU.USER, Buffer.from(`${user}:${user}-password`));
    return app;
  }

  call(name: RpcName, ...values: RpcValue[]): Promise<RpcValue[]> {
    return this.#client.call(name, [this.session, ...values]);
  }

  plain(name: RpcName, ...values: RpcValue[]): Promise<RpcValue[]> {
    return this.#client.call(name, values);
  }

  async do(
    name: "Encrypt" | "Decrypt" | "Sign",
    mechanism: Mechanism,
    key: number,
    data: Buffer,
    room = 4096,
  ): Promise<Buffer> {
    await this.call(`C_${name}Init`, mechanism, key);
    const [result] = await this.call(`C_${name}`, data, { room });
    assert.ok(Buffer.isBuffer(result));
    return result;
  }

  async secret(type: number, value: Buffer, ...more: Attribute[]): Promise<number> {
    const template = [is(CKA.CLASS, CKO.SECRET_KEY), is(CKA.KEY_TYPE, type), is(CKA.VALUE, value), ...more];
    return (await this.call("C_CreateObject", template))[0] as number;
  }

  async get(key: number, ...types: number[]): Promise<Attribute["value"][]> {
    const [attributes, code] = await this.call(
      "C_GetAttributeValue",
      key,
      types.map((type) => ({ type, room: 2048 })),
    );
    if (code !== CKR.OK) throw new Failure(code as number);
    return (attributes as Attribute[]).map(({ value }) => value);
  }

  async publicKey(handle: number): Promise<ReturnType<typeof createPublicKey>> {
    const [key] = (await this.get(handle, CKA.PUBLIC_KEY_INFO)) as [Buffer];
    return createPublicKey({ key, format: "der", type: "spki" });
  }

  close(): void {
    this.#client.close();
  }
}

const cipherUses = [is(CKA.ENCRYPT, 1), is(CKA.DECRYPT, 1)];
const signUses = [is(CKA.SIGN, 1), is(CKA.VERIFY, 1)];
const wrapUses = [is(CKA.WRAP, 1), is(CKA.UNWRAP, 1)];
const gcm = (iv: Buffer, aad: Buffer, tagBits = 128): Mechanism => ({
  type: CKM.AES_GCM,
  parameter: { kind: "gcm", iv, aad, tagBits },
});
const cbc = (type: number, iv: Buffer): Mechanism => ({ type, parameter: { kind: "iv", iv } });

for (const [name, backend, skip] of backends) {
  describe(`a token, ${name}`, { skip }, () => {
    const isEmbedded = name === "embedded";
    let test: TestPlane;
    let path: string;
    let app: App;
    before(async () => {
      test = await TestPlane.open(backend);
      path = await test.activeCluster("cluster-a", 1, ["alice", "bob"]);
      app = await App.open(path, "alice");
    });
    after(async () => {
      app.close();
      await test.close();
    });

    it("AES-GCM, as node:crypto opens it; what was changed is refused", async () => {
      const value = randomBytes(32);
      const key = await app.secret(CKK.AES, Buffer.from(value), ...cipherUses);
      for (const length of [0, 1, 16, 100, 4096]) {
        const [iv, aad, data] = [randomBytes(12), randomBytes(length % 50), randomBytes(length)];
        const sealed = await app.do("Encrypt", gcm(iv, aad), key, data, length + 16);
        const decipher = createDecipheriv("aes-256-gcm", value, iv).setAAD(aad).setAuthTag(sealed.subarray(-16));
        assert.deepEqual(Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]), data);
        assert.deepEqual(await app.do("Decrypt", gcm(iv, aad), key, sealed), data);
        sealed[0]! ^= 1;
        await assert.rejects(app.do("Decrypt", gcm(iv, aad), key, sealed), fails("ENCRYPTED_DATA_INVALID"));
        sealed[0]! ^= 1;
        await assert.rejects(
          app.do("Decrypt", gcm(iv, Buffer.from("other")), key, sealed),
          fails("ENCRYPTED_DATA_INVALID"),
        );
      }
      await assert.rejects(
        app.call("C_EncryptInit", gcm(Buffer.alloc(11), Buffer.alloc(0)), key),
        fails("MECHANISM_PARAM_INVALID"),
      );
      await assert.rejects(
        app.call("C_EncryptInit", gcm(Buffer.alloc(12), Buffer.alloc(0), 32), key),
        fails("MECHANISM_PARAM_INVALID"),
      );
      await assert.rejects(
        app.do("Decrypt", gcm(Buffer.alloc(12), Buffer.alloc(0)), key, Buffer.alloc(15)),
        fails("ENCRYPTED_DATA_LEN_RANGE"),
      );
    });

    it("AES-CBC (NIST SP 800-38A, F.2.5), padded and not, in parts", async () => {
      const key = await app.secret(
        CKK.AES,
        hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
        ...cipherUses,
      );
      const iv = hex("000102030405060708090a0b0c0d0e0f");
      const data = hex("6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51");
      const expected = hex("f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d");
      assert.deepEqual(await app.do("Encrypt", cbc(CKM.AES_CBC, iv), key, data), expected);
      await app.call("C_EncryptInit", cbc(CKM.AES_CBC, iv), key);
      const parts: RpcValue[] = [];
      for (let at = 0; at < 32; at += 8)
        parts.push(...(await app.call("C_EncryptUpdate", data.subarray(at, at + 8), { room: 64 })));
      parts.push(...(await app.call("C_EncryptFinal", { room: 64 })));
      assert.deepEqual(Buffer.concat(parts as Buffer[]), expected);
      const padded = await app.do("Encrypt", cbc(CKM.AES_CBC_PAD, iv), key, Buffer.from("seventeen letters"));
      assert.equal((await app.do("Decrypt", cbc(CKM.AES_CBC_PAD, iv), key, padded)).toString(), "seventeen letters");
      await assert.rejects(app.do("Encrypt", cbc(CKM.AES_CBC, iv), key, Buffer.alloc(17)), fails("DATA_LEN_RANGE"));
    });

    it("AES-CMAC (RFC 4493) and HMAC (RFC 4231), made and verified", async () => {
      const aes = await app.secret(CKK.AES, hex("2b7e151628aed2a6abf7158809cf4f3c"), ...signUses);
      const examples: [string, string][] = [
        ["", "bb1d6929e95937287fa37d129b756746"],
        ["6bc1bee22e409f96e93d7e117393172a", "070a16b46b4d4144f79bdd9dd04a287c"],
        [
          "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
          "dfa66747de9ae63030ca32611497c827",
        ],
      ];
      for (const [data, mac] of examples) {
        assert.deepEqual(await app.do("Sign", { type: CKM.AES_CMAC }, aes, hex(data)), hex(mac), data);
      }
      // Test case 1; SoftHSM wants a key as long as the digest, which no test case has.
      const value = isEmbedded ? Buffer.alloc(20, 0x0b) : Buffer.alloc(32, 0x0b);
      const data = Buffer.from("Hi There");
      const mac = isEmbedded
        ? hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        : createHmac("sha256", value).update(data).digest();
      const generic = await app.secret(CKK.GENERIC_SECRET, value, ...signUses);
      assert.deepEqual(await app.do("Sign", { type: CKM.SHA256_HMAC }, generic, data), mac);
      await app.call("C_VerifyInit", { type: CKM.SHA256_HMAC }, generic);
      await app.call("C_Verify", data, mac);
      await app.call("C_VerifyInit", { type: CKM.SHA256_HMAC }, generic);
      await assert.rejects(app.call("C_Verify", Buffer.from("Hi There!"), mac), fails("SIGNATURE_INVALID"));
    });

    it("RSA, hashed inside, verified outside; OAEP from outside", async () => {
      const [publicHandle, privateHandle] = (await app.call(
        "C_GenerateKeyPair",
        { type: CKM.RSA_PKCS_KEY_PAIR_GEN },
        [is(CKA.MODULUS_BITS, 2048), is(CKA.VERIFY, 1), is(CKA.ENCRYPT, 1)],
        [is(CKA.SIGN, 1), is(CKA.DECRYPT, 1)],
      )) as [number, number];
      const key = await app.publicKey(publicHandle);
      const data = randomBytes(300);
      for (const [hash, pkcs1, pss, mechanism, mgf, length] of [
        ["sha256", CKM.SHA256_RSA_PKCS, CKM.SHA256_RSA_PKCS_PSS, CKM.SHA256, CKG.MGF1_SHA256, 32],
        ["sha384", CKM.SHA384_RSA_PKCS, CKM.SHA384_RSA_PKCS_PSS, CKM.SHA384, CKG.MGF1_SHA384, 48],
        ["sha512", CKM.SHA512_RSA_PKCS, CKM.SHA512_RSA_PKCS_PSS, CKM.SHA512, CKG.MGF1_SHA512, 64],
      ] as const) {
        assert.ok(verify(hash, data, key, await app.do("Sign", { type: pkcs1 }, privateHandle, data)));
        const parameter = { kind: "pss", hash: mechanism, mgf, saltLength: length } as const;
        const signature = await app.do("Sign", { type: pss, parameter }, privateHandle, data);
        assert.ok(verify(hash, data, { key, padding: 6, saltLength: length }, signature));
        await app.call("C_VerifyInit", { type: pss, parameter }, publicHandle);
        await app.call("C_Verify", data, signature);
        const digest = createHash(hash).update(data).digest();
        const over = await app.do("Sign", { type: CKM.RSA_PKCS_PSS, parameter }, privateHandle, digest);
        assert.ok(verify(hash, data, { key, padding: 6, saltLength: length }, over));
      }
      const oaepHash = isEmbedded ? "sha256" : "sha1";
      const parameter = isEmbedded
        ? ({ kind: "oaep", hash: CKM.SHA256, mgf: CKG.MGF1_SHA256, label: Buffer.alloc(0) } as const)
        : ({ kind: "oaep", hash: CKM.SHA_1, mgf: CKG.MGF1_SHA1, label: Buffer.alloc(0) } as const);
      const sealed = publicEncrypt({ key, oaepHash, padding: 4 }, Buffer.from("to the HSM"));
      assert.equal(
        (await app.do("Decrypt", { type: CKM.RSA_PKCS_OAEP, parameter }, privateHandle, sealed)).toString(),
        "to the HSM",
      );
      await assert.rejects(
        app.do("Decrypt", { type: CKM.RSA_PKCS_OAEP, parameter }, privateHandle, randomBytes(256)),
        fails("ENCRYPTED_DATA_INVALID"),
      );
      const mixed = { kind: "oaep", hash: CKM.SHA256, mgf: CKG.MGF1_SHA1, label: Buffer.alloc(0) } as const;
      await assert.rejects(
        app.call("C_DecryptInit", { type: CKM.RSA_PKCS_OAEP, parameter: mixed }, privateHandle),
        fails("MECHANISM_PARAM_INVALID"),
      );
    });

    for (const curve of ["P-256", "P-384", "P-521", "secp256k1"] as const) {
      it(`ECDSA on ${curve}, over a digest and over a message`, async () => {
        const { parameters } = curveRow(curve);
        const [publicHandle, privateHandle] = (await app.call(
          "C_GenerateKeyPair",
          { type: CKM.EC_KEY_PAIR_GEN },
          [is(CKA.EC_PARAMS, parameters), is(CKA.VERIFY, 1)],
          [is(CKA.SIGN, 1), is(CKA.DERIVE, 1)],
        )) as [number, number];
        const key = await app.publicKey(publicHandle);
        const data = randomBytes(100);
        const digest = createHash("sha256").update(data).digest();
        for (const signature of [
          await app.do("Sign", { type: CKM.ECDSA }, privateHandle, digest),
          await app.do("Sign", { type: CKM.ECDSA_SHA256 }, privateHandle, data),
        ]) {
          assert.ok(verify("sha256", data, { key, dsaEncoding: "ieee-p1363" }, signature));
          await app.call("C_VerifyInit", { type: CKM.ECDSA }, publicHandle);
          await app.call("C_Verify", digest, signature);
          signature[5]! ^= 1;
          await app.call("C_VerifyInit", { type: CKM.ECDSA }, publicHandle);
          await assert.rejects(app.call("C_Verify", digest, signature), fails("SIGNATURE_INVALID"));
        }
        if (!isEmbedded) return;
        const mine = generateKeyPairSync("ec", { namedCurve: curveRow(curve).openssl });
        const point = mine.publicKey.export({ format: "raw-public", type: "uncompressed" });
        const mechanism = {
          type: CKM.ECDH1_DERIVE,
          parameter: { kind: "ecdh", kdf: 1, shared: Buffer.alloc(0), point },
        } as const;
        const template = [
          is(CKA.CLASS, CKO.SECRET_KEY),
          is(CKA.KEY_TYPE, CKK.GENERIC_SECRET),
          is(CKA.SENSITIVE, 0),
          is(CKA.EXTRACTABLE, 1),
        ];
        const [derived] = (await app.call("C_DeriveKey", mechanism, privateHandle, template)) as [number];
        const [agreed] = await app.get(derived, CKA.VALUE);
        assert.deepEqual(agreed, diffieHellman({ privateKey: mine.privateKey, publicKey: key }));
      });
    }

    it(
      "wraps extractable keys only (RFC 5649, 6), and takes them in again",
      { skip: !isEmbedded && "the module's remoting has no key wrap" },
      async () => {
        const kek = await app.secret(CKK.AES, hex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8"), ...wrapUses);
        const extractable = [is(CKA.EXTRACTABLE, 1), is(CKA.SIGN, 1)];
        const kwp: Mechanism = { type: CKM.AES_KEY_WRAP_KWP, parameter: { kind: "bytes", bytes: Buffer.alloc(0) } };
        const key = await app.secret(
          CKK.GENERIC_SECRET,
          hex("c37b7e6492584340bed12207808941155068f738"),
          ...extractable,
        );
        const [wrapped] = await app.call("C_WrapKey", kwp, kek, key, { room: 256 });
        assert.deepEqual(wrapped, hex("138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"));
        const template = [is(CKA.CLASS, CKO.SECRET_KEY), is(CKA.KEY_TYPE, CKK.GENERIC_SECRET), is(CKA.SIGN, 1)];
        const [again] = (await app.call("C_UnwrapKey", kwp, kek, wrapped!, template)) as [number];
        const data = Buffer.from("same key");
        const [one, two] = [
          await app.do("Sign", { type: CKM.SHA256_HMAC }, key, data),
          await app.do("Sign", { type: CKM.SHA256_HMAC }, again, data),
        ];
        assert.deepEqual(one, two);
        const [pub, priv] = (await app.call(
          "C_GenerateKeyPair",
          { type: CKM.EC_KEY_PAIR_GEN },
          [is(CKA.EC_PARAMS, curveRow("P-256").parameters)],
          [is(CKA.SIGN, 1), is(CKA.EXTRACTABLE, 1)],
        )) as [number, number];
        const [pkcs8] = await app.call("C_WrapKey", kwp, kek, priv, { room: 512 });
        const [back] = (await app.call("C_UnwrapKey", kwp, kek, pkcs8!, [
          is(CKA.CLASS, CKO.PRIVATE_KEY),
          is(CKA.KEY_TYPE, CKK.EC),
          is(CKA.SIGN, 1),
        ])) as [number];
        const signature = await app.do("Sign", { type: CKM.ECDSA_SHA256 }, back, data);
        assert.ok(verify("sha256", data, { key: await app.publicKey(pub), dsaEncoding: "ieee-p1363" }, signature));
        (wrapped as Buffer)[3]! ^= 1;
        await assert.rejects(app.call("C_UnwrapKey", kwp, kek, wrapped!, template), fails("WRAPPED_KEY_INVALID"));
      },
    );

    it("never lets a key out that is not extractable, by any way", async () => {
      const kek = await app.secret(CKK.AES, Buffer.alloc(32, 1), ...wrapUses, is(CKA.EXTRACTABLE, 1));
      const [key] = (await app.call("C_GenerateKey", { type: CKM.AES_KEY_GEN }, [
        is(CKA.VALUE_LEN, 32),
        is(CKA.SENSITIVE, 0),
        ...cipherUses,
      ])) as [number];
      const iv = cbc(CKM.AES_CBC_PAD, Buffer.alloc(16));
      await assert.rejects(app.call("C_WrapKey", iv, kek, key, { room: 256 }), fails("KEY_UNEXTRACTABLE"));
      await assert.rejects(app.get(key, CKA.VALUE), fails("ATTRIBUTE_SENSITIVE"));
      await assert.rejects(
        app.call("C_SetAttributeValue", key, [is(CKA.EXTRACTABLE, 1)]),
        fails("ATTRIBUTE_READ_ONLY"),
      );
      await assert.rejects(app.call("C_CopyObject", key, [is(CKA.EXTRACTABLE, 1)]), fails("FUNCTION_NOT_SUPPORTED"));
      await app.call("C_SetAttributeValue", key, [is(CKA.SENSITIVE, 1)]);
      await assert.rejects(app.call("C_SetAttributeValue", key, [is(CKA.SENSITIVE, 0)]), fails("ATTRIBUTE_READ_ONLY"));
      const [never, always] = await app.get(key, CKA.NEVER_EXTRACTABLE, CKA.ALWAYS_SENSITIVE);
      assert.deepEqual([never, always], [1, 0]);
      const [, pair] = (await app.call(
        "C_GenerateKeyPair",
        { type: CKM.EC_KEY_PAIR_GEN },
        [is(CKA.EC_PARAMS, curveRow("P-256").parameters)],
        [is(CKA.SIGN, 1)],
      )) as [number, number];
      await assert.rejects(app.call("C_WrapKey", iv, kek, pair, { room: 512 }), fails("KEY_UNEXTRACTABLE"));
      for (const part of [CKA.VALUE, CKA.PRIVATE_EXPONENT, CKA.PRIME_1])
        await assert.rejects(app.get(pair, part), fails("ATTRIBUTE_SENSITIVE"));
      const none = app.call(
        "C_GenerateKeyPair",
        { type: CKM.EC_KEY_PAIR_GEN },
        [is(CKA.EC_PARAMS, curveRow("P-256").parameters)],
        [is(CKA.SENSITIVE, 0)],
      );
      await assert.rejects(none, fails("ATTRIBUTE_VALUE_INVALID"));
    });

    it("a key's value is not found by trying it", async () => {
      const value = randomBytes(32);
      await app.secret(CKK.AES, Buffer.from(value));
      await app.call("C_FindObjectsInit", [is(CKA.VALUE, value)]);
      assert.deepEqual(await app.call("C_FindObjects", { room: 10 }), [[]]);
      await app.call("C_FindObjectsFinal");
    });

    it("templates that make no sense are refused, each for its reason", async () => {
      const generate = (...template: Attribute[]) => app.call("C_GenerateKey", { type: CKM.AES_KEY_GEN }, template);
      const length = is(CKA.VALUE_LEN, 32);
      await assert.rejects(generate(), fails("TEMPLATE_INCOMPLETE"));
      await assert.rejects(generate(is(CKA.VALUE_LEN, 31)), fails("KEY_SIZE_RANGE"));
      await assert.rejects(generate(length, is(CKA.CLASS, CKO.PRIVATE_KEY)), fails("TEMPLATE_INCONSISTENT"));
      await assert.rejects(generate(length, is(CKA.KEY_TYPE, CKK.RSA)), fails("TEMPLATE_INCONSISTENT"));
      await assert.rejects(generate(length, length), fails("TEMPLATE_INCONSISTENT"));
      await assert.rejects(generate(length, is(CKA.MODULUS, Buffer.alloc(3))), fails("ATTRIBUTE_TYPE_INVALID"));
      await assert.rejects(generate(length, is(CKA.LOCAL, 1)), fails("ATTRIBUTE_READ_ONLY"));
      await assert.rejects(generate(length, is(CKA.TRUSTED, 1)), fails("ATTRIBUTE_VALUE_INVALID"));
      await assert.rejects(generate(length, is(CKA.TOKEN, 2)), fails("ATTRIBUTE_VALUE_INVALID"));
      await assert.rejects(app.call("C_CreateObject", []), fails("TEMPLATE_INCOMPLETE"));
      await assert.rejects(app.secret(CKK.AES, Buffer.alloc(15)), fails("ATTRIBUTE_VALUE_INVALID"));
    });

    it("allowed mechanisms and uses bind, whatever the key could", async () => {
      const key = await app.secret(
        CKK.AES,
        Buffer.alloc(32, 5),
        ...cipherUses,
        is(CKA.ALLOWED_MECHANISMS, [CKM.AES_GCM]),
      );
      await assert.rejects(app.call("C_EncryptInit", { type: CKM.AES_ECB }, key), fails("MECHANISM_INVALID"));
      await app.do("Encrypt", gcm(Buffer.alloc(12), Buffer.alloc(0)), key, Buffer.alloc(5));
      await assert.rejects(app.call("C_SignInit", { type: CKM.AES_CMAC }, key), fails("KEY_FUNCTION_NOT_PERMITTED"));
      const generic = await app.secret(CKK.GENERIC_SECRET, Buffer.alloc(32, 5), ...cipherUses);
      await assert.rejects(app.call("C_EncryptInit", { type: CKM.AES_ECB }, generic), fails("KEY_TYPE_INCONSISTENT"));
    });

    it("operations keep their rules: one at a time, sizes on asking, over after a failure", async () => {
      const key = await app.secret(CKK.AES, Buffer.alloc(32, 6), ...cipherUses);
      await assert.rejects(app.call("C_Encrypt", Buffer.alloc(16), { room: 16 }), fails("OPERATION_NOT_INITIALIZED"));
      await app.call("C_EncryptInit", { type: CKM.AES_ECB }, key);
      await assert.rejects(app.call("C_EncryptInit", { type: CKM.AES_ECB }, key), fails("OPERATION_ACTIVE"));
      const [size] = await app.call("C_Encrypt", Buffer.alloc(16), { room: 0 });
      assert.ok((size as { length: number }).length >= 16);
      const [small] = await app.call("C_Encrypt", Buffer.alloc(16), { room: 8 });
      assert.deepEqual(small, { length: 16 });
      const [result] = await app.call("C_Encrypt", Buffer.alloc(16), { room: 16 });
      assert.equal((result as Buffer).length, 16);
      await assert.rejects(app.do("Encrypt", { type: CKM.AES_ECB }, key, Buffer.alloc(5)), fails("DATA_LEN_RANGE"));
      await assert.rejects(app.call("C_Encrypt", Buffer.alloc(16), { room: 16 }), fails("OPERATION_NOT_INITIALIZED"));
      await app.call("C_DigestInit", { type: CKM.SHA256 });
      await app.call("C_DigestUpdate", Buffer.from("ab"));
      await app.call("C_DigestUpdate", Buffer.from("c"));
      assert.deepEqual((await app.call("C_DigestFinal", { room: 32 }))[0], createHash("sha256").update("abc").digest());
    });

    it("who is not signed in makes and sees nothing; a session for reading makes nothing in the token", async () => {
      const nobody = await App.open(path);
      await assert.rejects(nobody.secret(CKK.AES, Buffer.alloc(32)), fails("USER_NOT_LOGGED_IN"));
      await nobody.call("C_FindObjectsInit", []);
      assert.deepEqual(await nobody.call("C_FindObjects", { room: 10 }), [[]]);
      nobody.close();
      const reader = await App.open(path, "alice", CKF.SERIAL_SESSION);
      await assert.rejects(reader.secret(CKK.AES, Buffer.alloc(32), is(CKA.TOKEN, 1)), fails("SESSION_READ_ONLY"));
      reader.close();
      await assert.rejects(
        app.call("C_Login", CKU.USER, Buffer.from("alice:alice-password")),
        fails("USER_ALREADY_LOGGED_IN"),
      );
      await assert.rejects(app.call("C_Login", CKU.SO, Buffer.from("admin:officer-1")), fails("USER_TYPE_INVALID"));
      await assert.rejects(app.plain("C_OpenSession", 1, CKF.RW_SESSION), fails("SESSION_PARALLEL_NOT_SUPPORTED"));
      await assert.rejects(app.plain("C_OpenSession", 7, CKF.SERIAL_SESSION), fails("SLOT_ID_INVALID"));
      await assert.rejects(app.plain("C_InitToken", 1, Buffer.from("x"), "label"), fails("FUNCTION_NOT_SUPPORTED"));
    });

    it("session objects are gone with their session, and nobody else sees them", async () => {
      const other = await App.open(path, "alice");
      const label = is(CKA.LABEL, Buffer.from("passing"));
      const key = await other.secret(CKK.AES, Buffer.alloc(32, 3), label, ...cipherUses);
      await other.do("Encrypt", { type: CKM.AES_ECB }, key, Buffer.alloc(16));
      await app.call("C_FindObjectsInit", [label]);
      assert.deepEqual(await app.call("C_FindObjects", { room: 10 }), [[]]);
      await app.call("C_FindObjectsFinal");
      other.close();
    });
  });
}
