/**
 * The algorithms that are believed. Sources: RFC 9231 (identifiers); XML Signature 1.1, section 6.
 *
 * INVARIANT: what is not in these tables is refused: no SHA-1, no HMAC (whose key would be the public key), no transforms
 * but the enveloped signature and exclusive canonicalization without comments.
 */
import { constants, createHash, verify, type KeyLike, type KeyObject } from "node:crypto";
import type { HashAlgorithm, SignatureAlgorithm, SignedXml } from "xml-crypto";

interface Signing {
  hash: "sha256" | "sha384" | "sha512";
  keyType: "rsa" | "ec";
  pss?: true;
}

const more = "http://www.w3.org/2001/04/xmldsig-more#";
const pss = "http://www.w3.org/2007/05/xmldsig-more#";

const signing: Readonly<Record<string, Signing>> = {
  [`${more}rsa-sha256`]: { hash: "sha256", keyType: "rsa" },
  [`${more}rsa-sha384`]: { hash: "sha384", keyType: "rsa" },
  [`${more}rsa-sha512`]: { hash: "sha512", keyType: "rsa" },
  [`${pss}sha256-rsa-MGF1`]: { hash: "sha256", keyType: "rsa", pss: true },
  [`${pss}sha384-rsa-MGF1`]: { hash: "sha384", keyType: "rsa", pss: true },
  [`${pss}sha512-rsa-MGF1`]: { hash: "sha512", keyType: "rsa", pss: true },
  [`${more}ecdsa-sha256`]: { hash: "sha256", keyType: "ec" },
  [`${more}ecdsa-sha384`]: { hash: "sha384", keyType: "ec" },
  [`${more}ecdsa-sha512`]: { hash: "sha512", keyType: "ec" },
};

const digests: Readonly<Record<string, string>> = {
  "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
  [`${more}sha384`]: "sha384",
  "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
};

/** In the order in which SAML's signatures have them. */
export const transforms = [
  "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
  "http://www.w3.org/2001/10/xml-exc-c14n#",
];

class Verifier implements SignatureAlgorithm {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  getAlgorithmName(): string {
    return this.#name;
  }

  getSignature(): never {
    throw new Error("nothing is signed here");
  }

  verifySignature(material: string, key: KeyLike, signatureValue: string): boolean {
    const { hash, keyType, pss: isPss } = signing[this.#name]!;
    const publicKey = key as KeyObject;
    if (publicKey.asymmetricKeyType !== keyType) return false;
    const options = isPss
      ? { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { key: publicKey, dsaEncoding: "ieee-p1363" as const };
    return verify(hash, Buffer.from(material, "utf8"), options, Buffer.from(signatureValue, "base64"));
  }
}

class Digest implements HashAlgorithm {
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  getAlgorithmName(): string {
    return this.#name;
  }

  getHash(xml: string): string {
    return createHash(digests[this.#name]!).update(xml, "utf8").digest("base64");
  }
}

/** Classes without arguments by name, and nothing that every object has. */
function named<T>(names: Iterable<string>, make: (name: string) => new () => T): Record<string, new () => T> {
  const table = Object.create(null) as Record<string, new () => T>;
  for (const name of names) table[name] = make(name);
  return table;
}

/** Takes from a verifier of the library all that is not believed here. */
export function restrict(signed: SignedXml): void {
  signed.SignatureAlgorithms = named(
    Object.keys(signing),
    (name) =>
      class extends Verifier {
        constructor() {
          super(name);
        }
      },
  );
  signed.HashAlgorithms = named(
    Object.keys(digests),
    (name) =>
      class extends Digest {
        constructor() {
          super(name);
        }
      },
  );
  const known = signed.CanonicalizationAlgorithms;
  signed.CanonicalizationAlgorithms = named(transforms, (name) => known[name]!);
}
