/**
 * Encrypted assertions. Sources: XML Encryption 1.1, sections 5.2 (block encryption) and 5.5 (key transport);
 * IAM User Guide, "Manage SAML encryption keys" (AES-GCM and AES-CBC).
 *
 * INVARIANT: every failure is the same refusal as a wrong signature, and RSA 1.5 is no way in: what an attacker sends
 * tells nothing of a private key or a text (Bleichenbacher, padding oracles).
 */
import { constants, createDecipheriv, privateDecrypt, type KeyObject } from "node:crypto";
import { refuse } from "./refusal.ts";
import { attribute, atMostOne, everyElement, exactlyOne, isNamed, parseXml, textOf, type Element } from "./xml.ts";

interface Cipher {
  name: "aes-128-cbc" | "aes-192-cbc" | "aes-256-cbc" | "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm";
  keyBytes: number;
}

const old = "http://www.w3.org/2001/04/xmlenc#";
const recent = "http://www.w3.org/2009/xmlenc11#";

const ciphers: Readonly<Record<string, Cipher>> = {
  [`${old}aes128-cbc`]: { name: "aes-128-cbc", keyBytes: 16 },
  [`${old}aes192-cbc`]: { name: "aes-192-cbc", keyBytes: 24 },
  [`${old}aes256-cbc`]: { name: "aes-256-cbc", keyBytes: 32 },
  [`${recent}aes128-gcm`]: { name: "aes-128-gcm", keyBytes: 16 },
  [`${recent}aes192-gcm`]: { name: "aes-192-gcm", keyBytes: 24 },
  [`${recent}aes256-gcm`]: { name: "aes-256-gcm", keyBytes: 32 },
};

const oaepDigests: Readonly<Record<string, string>> = {
  "http://www.w3.org/2000/09/xmldsig#sha1": "sha1",
  [`${old}sha256`]: "sha256",
  "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
  [`${old}sha512`]: "sha512",
};

const maskDigests: Readonly<Record<string, string>> = {
  [`${recent}mgf1sha1`]: "sha1",
  [`${recent}mgf1sha256`]: "sha256",
  [`${recent}mgf1sha384`]: "sha384",
  [`${recent}mgf1sha512`]: "sha512",
};

const tagBytes = 16;
const blockBytes = 16;

/** The assertion inside, with its text. @throws Refusal "signature" */
export function decryptAssertion(
  encrypted: Element,
  keys: readonly KeyObject[],
): { assertion: Element; document: string } {
  for (const key of keys) {
    try {
      const document = decrypt(encrypted, key);
      const assertion = parseXml(document);
      if (isNamed(assertion, "assertion", "Assertion")) return { assertion, document };
    } catch {
      // The next key, and in the end the one refusal that there is.
    }
  }
  throw refuse("signature", "the assertion cannot be decrypted");
}

function decrypt(encrypted: Element, key: KeyObject): string {
  const data = exactlyOne(encrypted, "encryption", "EncryptedData");
  // Inside the data's KeyInfo, or beside the data.
  const wrapped = everyElement(encrypted).filter((each) => isNamed(each, "encryption", "EncryptedKey"));
  if (wrapped.length !== 1) throw new Error("one encrypted key is expected");
  const cipher = ciphers[algorithmOf(data)];
  const contentKey = unwrap(wrapped[0]!, key);
  if (!cipher || contentKey.length !== cipher.keyBytes) throw new Error("the cipher is not served");
  return new TextDecoder("utf-8", { fatal: true }).decode(open(cipher, contentKey, cipherValue(data)));
}

function unwrap(encryptedKey: Element, key: KeyObject): Buffer {
  const method = exactlyOne(encryptedKey, "encryption", "EncryptionMethod");
  const algorithm = algorithmOf(encryptedKey);
  const digest = atMostOne(method, "signature", "DigestMethod");
  const mask = atMostOne(method, "encryption11", "MGF");
  const hash = digest ? oaepDigests[attribute(digest, "Algorithm") ?? ""] : "sha1";
  const maskHash = mask ? maskDigests[attribute(mask, "Algorithm") ?? ""] : "sha1";
  const isOaep = algorithm === `${old}rsa-oaep-mgf1p` || algorithm === `${recent}rsa-oaep`;
  // OpenSSL's interface here takes one digest for both.
  if (!isOaep || hash === undefined || hash !== maskHash) throw new Error("the key transport is not served");
  const options = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash };
  return privateDecrypt(options, cipherValue(encryptedKey));
}

function open({ name }: Cipher, key: Buffer, value: Buffer): Buffer {
  if (name === "aes-128-gcm" || name === "aes-192-gcm" || name === "aes-256-gcm") {
    const decipher = createDecipheriv(name, key, value.subarray(0, 12), { authTagLength: tagBytes });
    decipher.setAuthTag(value.subarray(-tagBytes));
    return Buffer.concat([decipher.update(value.subarray(12, -tagBytes)), decipher.final()]);
  }
  const decipher = createDecipheriv(name, key, value.subarray(0, blockBytes)).setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(value.subarray(blockBytes)), decipher.final()]);
  // The last byte says how many are padding; the others may be anything.
  const padding = padded.at(-1) ?? 0;
  if (padding < 1 || padding > blockBytes || padding > padded.length) throw new Error("the padding is wrong");
  return padded.subarray(0, -padding);
}

function algorithmOf(element: Element): string {
  return attribute(exactlyOne(element, "encryption", "EncryptionMethod"), "Algorithm") ?? "";
}

function cipherValue(element: Element): Buffer {
  const data = exactlyOne(element, "encryption", "CipherData");
  return Buffer.from(textOf(exactlyOne(data, "encryption", "CipherValue")), "base64");
}
