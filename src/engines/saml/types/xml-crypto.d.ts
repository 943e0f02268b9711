/** What is used of xml-crypto. Its own declarations bring a browser's into every file. */
import type { KeyLike } from "node:crypto";
import type { Element } from "../xml.ts";

export interface SignatureAlgorithm {
  getAlgorithmName(): string;
  getSignature(signedInfo: string, privateKey: KeyLike): string;
  verifySignature(material: string, key: KeyLike, signatureValue: string): boolean;
}

export interface HashAlgorithm {
  getAlgorithmName(): string;
  getHash(xml: string): string;
}

export declare class SignedXml {
  constructor(options: { publicCert: KeyLike; getCertFromKeyInfo: () => null });
  SignatureAlgorithms: Record<string, new () => SignatureAlgorithm>;
  HashAlgorithms: Record<string, new () => HashAlgorithm>;
  CanonicalizationAlgorithms: Record<string, new () => object>;
  loadSignature(signature: Element): void;
  checkSignature(xml: string): boolean;
  /** The canonical text of what was signed. */
  getSignedReferences(): string[];
}
