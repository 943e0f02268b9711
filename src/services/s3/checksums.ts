/**
 * Which checksum of an upload is kept, and how checksums appear in answers.
 * Source: Amazon S3 User Guide, "Checking object integrity in Amazon S3": without a checksum from the client
 * S3 computes CRC64NVME; SHA checksums of multipart uploads are composite, CRC64NVME is always full object.
 */
import { checksumAlgorithms, type ChecksumAlgorithm } from "#wire/checksums.ts";
import { invalidRequest, notImplementedHeader } from "./errors.ts";
import type { StoredChecksum } from "./state.ts";

/** Checksum members of inputs and outputs: algorithm → SDK member. */
const members = {
  CRC32: "ChecksumCRC32",
  CRC32C: "ChecksumCRC32C",
  CRC64NVME: "ChecksumCRC64NVME",
  SHA1: "ChecksumSHA1",
  SHA256: "ChecksumSHA256",
} as const satisfies Record<ChecksumAlgorithm, string>;

/** Algorithms that the API names and that are not computed here: refused rather than ignored. */
const unserved = ["ChecksumSHA512", "ChecksumMD5", "ChecksumXXHASH64", "ChecksumXXHASH3", "ChecksumXXHASH128"] as const;

type ChecksumMembers = { [M in (typeof members)[ChecksumAlgorithm]]?: string };

export interface RequestedChecksum {
  algorithm: ChecksumAlgorithm;
  expected?: string;
  /** False when S3 chose it by itself. */
  asked: boolean;
}

function isChecksumAlgorithm(name: string): name is ChecksumAlgorithm {
  return Object.hasOwn(checksumAlgorithms, name);
}

/**
 * @param claimed what the wire layer found in headers or announced for the trailer
 * @throws InvalidRequest when a request carries several checksums or an unknown algorithm
 */
export function requestedChecksum(
  input: object,
  claimed: ChecksumAlgorithm | undefined,
  fallback: ChecksumAlgorithm = "CRC64NVME",
): RequestedChecksum {
  const values = input as Record<string, unknown>;
  for (const member of unserved) {
    if (values[member] !== undefined) {
      throw notImplementedHeader(`x-amz-checksum-${member.slice("Checksum".length).toLowerCase()}`);
    }
  }
  const given = Object.entries(members).filter(([, member]) => values[member] !== undefined) as [
    ChecksumAlgorithm,
    string,
  ][];
  if (given.length > 1)
    throw invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
  const first = given[0];
  const name = values["ChecksumAlgorithm"];
  const declared = typeof name === "string" ? checkAlgorithm(name.toUpperCase()) : claimed;
  if (first) {
    if (declared !== undefined && declared !== first[0]) {
      throw invalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.");
    }
    return { algorithm: first[0], expected: values[first[1]] as string, asked: true };
  }
  if (declared !== undefined) return { algorithm: declared, asked: true };
  return { algorithm: fallback, asked: false };
}

/** @throws InvalidRequest for a name that is no algorithm */
export function checkAlgorithm(name: string): ChecksumAlgorithm {
  if (isChecksumAlgorithm(name)) return name;
  throw invalidRequest(
    "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
  );
}

/** The member that carries a checksum, with its type. */
export function checksumOutput(checksum: StoredChecksum | undefined) {
  if (!checksum) return {};
  return { ...checksumMember(checksum.algorithm, checksum.value), ChecksumType: checksum.type };
}

export function checksumMember(algorithm: ChecksumAlgorithm, value: string | undefined): ChecksumMembers {
  return value === undefined ? {} : { [members[algorithm]]: value };
}

export function checksumOf(input: object, algorithm: ChecksumAlgorithm): string | undefined {
  return (input as Record<string, string | undefined>)[members[algorithm]];
}
