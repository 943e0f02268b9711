/**
 * The part of a blob that an external key made, after the header: a mark, and the fields of the proxy's answer.
 *
 *     1, u8 length of metadata, metadata, u8 length of IV, IV, tag (16), ciphertext
 *
 * "KMS will embed all of the fields in the XKS Proxy's encrypt response into the ciphertextBlob": XKS proxy API
 * specification, Encrypt.
 */
import { type ExternalCiphertext, ivLengths, maxMetadataBytes, tagBytes } from "#keys/stores/xksApi.ts";

const mark = 1;

export function encodeOuter({ ciphertext, metadata, iv, tag }: ExternalCiphertext): Buffer {
  return Buffer.concat([Buffer.of(mark, metadata.length), metadata, Buffer.of(iv.length), iv, tag, ciphertext]);
}

/** `undefined` for anything that `encodeOuter` does not make. */
export function decodeOuter(bytes: Uint8Array): ExternalCiphertext | undefined {
  const metadataLength = bytes[1];
  if (bytes[0] !== mark || metadataLength === undefined || metadataLength > maxMetadataBytes) return undefined;
  const ivAt = 2 + metadataLength;
  const ivLength = bytes[ivAt];
  if (ivLength === undefined || !ivLengths.includes(ivLength)) return undefined;
  const tagAt = ivAt + 1 + ivLength;
  if (bytes.length <= tagAt + tagBytes) return undefined;
  return {
    metadata: bytes.subarray(2, ivAt),
    iv: bytes.subarray(ivAt + 1, tagAt),
    tag: bytes.subarray(tagAt, tagAt + tagBytes),
    ciphertext: bytes.subarray(tagAt + tagBytes),
  };
}
