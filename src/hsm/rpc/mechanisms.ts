/** Mechanisms and their parameters as they travel. Source: p11-kit, rpc-message.c. */
import { CKM } from "../token/constants.ts";
import { Malformed, type Reader, type Writer } from "./wire.ts";

export interface Mechanism {
  type: number;
  parameter?: MechanismParameter;
}

export type MechanismParameter =
  | { kind: "iv"; iv: Buffer }
  | { kind: "pss"; hash: number; mgf: number; saltLength: number }
  | { kind: "oaep"; hash: number; mgf: number; label: Buffer }
  | { kind: "gcm"; iv: Buffer; aad: Buffer; tagBits: number }
  | { kind: "ecdh"; kdf: number; shared: Buffer; point: Buffer }
  | { kind: "bytes"; bytes: Buffer };

interface Layout {
  read(reader: Reader): MechanismParameter;
  write(writer: Writer, parameter: never): void;
}

const iv: Layout = {
  read(reader) {
    const bytes = reader.array();
    if (bytes?.length !== 16) throw new Malformed("an initialization vector of AES has 16 bytes");
    return { kind: "iv", iv: bytes };
  },
  write: (writer, { iv: bytes }: { iv: Buffer }) => void writer.array(bytes),
};

const pss: Layout = {
  read: (reader) => ({ kind: "pss", hash: reader.ulong(), mgf: reader.ulong(), saltLength: reader.ulong() }),
  write: (writer, { hash, mgf, saltLength }: { hash: number; mgf: number; saltLength: number }) =>
    void writer.ulong(hash).ulong(mgf).ulong(saltLength),
};

const oaep: Layout = {
  read(reader) {
    const [hash, mgf] = [reader.ulong(), reader.ulong()];
    // CKZ_DATA_SPECIFIED, the only source of the label that there is.
    reader.ulong();
    return { kind: "oaep", hash, mgf, label: reader.array() ?? Buffer.alloc(0) };
  },
  write: (writer, { hash, mgf, label }: { hash: number; mgf: number; label: Buffer }) =>
    void writer
      .ulong(hash)
      .ulong(mgf)
      .ulong(dataSpecified)
      .array(label.length === 0 ? undefined : label),
};

const gcm: Layout = {
  read(reader) {
    const bytes = reader.array() ?? Buffer.alloc(0);
    // The length in bits repeats the length in bytes; modules ignore it.
    reader.ulong();
    return { kind: "gcm", iv: bytes, aad: reader.array() ?? Buffer.alloc(0), tagBits: reader.ulong() };
  },
  write: (writer, { iv: bytes, aad, tagBits }: { iv: Buffer; aad: Buffer; tagBits: number }) =>
    void writer
      .array(bytes)
      .ulong(bytes.length * 8)
      .array(aad.length === 0 ? undefined : aad)
      .ulong(tagBits),
};

const ecdh: Layout = {
  read: (reader) => ({
    kind: "ecdh",
    kdf: reader.ulong(),
    shared: reader.array() ?? Buffer.alloc(0),
    point: reader.array() ?? Buffer.alloc(0),
  }),
  write: (writer, { kdf, shared, point }: { kdf: number; shared: Buffer; point: Buffer }) =>
    void writer
      .ulong(kdf)
      .array(shared.length === 0 ? undefined : shared)
      .array(point),
};

const bytes: Layout = {
  read: (reader) => ({ kind: "bytes", bytes: reader.array() ?? Buffer.alloc(0) }),
  write: (writer, parameter: { bytes: Buffer }) => void writer.array(parameter.bytes),
};

const dataSpecified = 1;
/** Marks the mechanism that cancels an operation. */
const noMechanism = 0xff_ff_ff_ff;

const layouts: ReadonlyMap<number, Layout> = new Map([
  [CKM.AES_CBC, iv],
  [CKM.AES_CBC_PAD, iv],
  [CKM.AES_GCM, gcm],
  [CKM.RSA_PKCS_PSS, pss],
  [CKM.SHA256_RSA_PKCS_PSS, pss],
  [CKM.SHA384_RSA_PKCS_PSS, pss],
  [CKM.SHA512_RSA_PKCS_PSS, pss],
  [CKM.RSA_PKCS_OAEP, oaep],
  [CKM.ECDH1_DERIVE, ecdh],
] as [number, Layout][]);

/** Those that p11-kit knows to have no parameters: nothing follows their type. */
const bare: ReadonlySet<number> = new Set([
  CKM.RSA_PKCS_KEY_PAIR_GEN,
  CKM.RSA_PKCS,
  CKM.SHA1_RSA_PKCS,
  CKM.SHA256_RSA_PKCS,
  CKM.SHA384_RSA_PKCS,
  CKM.SHA512_RSA_PKCS,
  CKM.SHA_1,
  CKM.SHA224,
  CKM.SHA256,
  CKM.SHA256_HMAC,
  CKM.SHA384,
  CKM.SHA384_HMAC,
  CKM.SHA512,
  CKM.SHA512_HMAC,
  CKM.GENERIC_SECRET_KEY_GEN,
  CKM.EC_KEY_PAIR_GEN,
  CKM.ECDSA,
  CKM.ECDSA_SHA1,
  CKM.ECDSA_SHA256,
  CKM.ECDSA_SHA384,
  CKM.ECDSA_SHA512,
  CKM.AES_KEY_GEN,
  CKM.AES_ECB,
  CKM.AES_CMAC,
]);

/**
 * How p11-kit lays a mechanism out, by its version. `arrays` (0.24): parameters follow the type, an absent array where
 * there are none. `bare`: nothing follows the type of a mechanism that has none. `marked`: besides, a byte says before
 * others whether there are any.
 */
export const mechanismLayouts = ["arrays", "bare", "marked"] as const;
export type MechanismLayout = (typeof mechanismLayouts)[number];

export function readMechanism(reader: Reader, layout: MechanismLayout): Mechanism {
  const type = reader.u32();
  if (type === noMechanism) return { type };
  if (bare.has(type)) {
    const given = layout === "arrays" ? reader.array() : undefined;
    return { type, ...(given && given.length > 0 ? { parameter: { kind: "bytes", bytes: given } } : {}) };
  }
  if (layout === "marked") {
    const mark = reader.byte();
    if (mark > 1) throw new Malformed("a mark is 0 or 1");
    if (mark === 0) return { type };
  }
  return { type, parameter: (layouts.get(type) ?? bytes).read(reader) };
}

/** As 0.24 lays it out. */
export function writeMechanism(writer: Writer, { type, parameter }: Mechanism): void {
  writer.u32(type);
  (layouts.get(type) ?? bytes).write(writer, (parameter ?? { bytes: undefined }) as never);
}
