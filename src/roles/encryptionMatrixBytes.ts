/** Bytes as they lie on a medium, and whether anybody who has the medium can read them. */
export interface BytesProof {
  /** Where they were read just now: a file, a blob, a document or a stream of the store. */
  medium: string;
  /** The first of them, hexadecimal; of what can be read only a few, of secrets none. */
  hex: string;
  /** How many there are. */
  bytes: number;
}

const shownBytes = 32;
const shownInClear = 12;
/** Fewer say nothing: each byte is printable in one of 2.7 random cases. */
const fewestJudged = 16;
const printableShare = 0.8;
/** zstd, gzip, zip, bzip2, xz: compressed is not encrypted. */
const containers = ["28b52ffd", "1f8b", "504b0304", "425a68", "fd377a585a"];

export function ciphertextProof(medium: string, bytes: Uint8Array, total = bytes.length): BytesProof {
  return proof(medium, bytes.subarray(0, shownBytes), total);
}

/** INVARIANT: who looks at the matrix sees that something can be read, not what it says. */
export function plaintextProof(medium: string, bytes: Uint8Array, total = bytes.length): BytesProof {
  return proof(medium, bytes.subarray(0, shownInClear), total);
}

export function secretProof(medium: string, total: number): BytesProof {
  return proof(medium, new Uint8Array(), total);
}

function proof(medium: string, shown: Uint8Array, bytes: number): BytesProof {
  return { medium, hex: Buffer.from(shown).toString("hex"), bytes };
}

/** Text, or a compressed file: whoever has the medium can read it. */
export function isReadable(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, 8)).toString("hex");
  if (containers.some((magic) => head.startsWith(magic))) return true;
  if (bytes.length < fewestJudged) return false;
  const sample = bytes.subarray(0, 4_096);
  const text = Buffer.from(sample).toString("utf8");
  const letters = [...text].filter((letter) => letter !== "\ufffd" && !isControl(letter)).length;
  return letters / [...text].length >= printableShare;
}

function isControl(letter: string): boolean {
  const code = letter.codePointAt(0)!;
  return (code < 32 && code !== 9 && code !== 10 && code !== 13) || (code >= 127 && code < 160);
}

export const fromBase64 = (text: string): Buffer => Buffer.from(text, "base64");
