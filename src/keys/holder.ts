/**
 * Entry point of the key-holder process. Started by `client.ts` under Node's permission model with an empty
 * environment: no network, no file writes, no reads outside this folder, no child processes, no workers, no
 * inspector. It talks on standard input and output only; descriptor 3, where present, is the opened secret file of
 * a seal that opens by itself. Imports nothing but `node:` modules, its neighbours and, at first use, the library of
 * `unusualSignatures.ts`.
 */
import { randomBytes } from "node:crypto";
import { type KeyringRecord, Opening, type SealRecord } from "./opening.ts";
import { type Answer, pairHandlers } from "./pairOperations.ts";
import { encodeFrame, FrameReader, type Message, Op, Status } from "./protocol.ts";
import { SealInputError } from "./seals/seal.ts";
import {
  groupOf,
  NeedsTombstoneKey,
  UnknownDomainKey,
  Vault,
  VaultDecrypt,
  VaultInput,
  VaultSealed,
  VaultUnsupported,
  VaultWrappingKey,
} from "./vault.ts";

const vault = new Vault();
const empty = Buffer.alloc(0);
/** Descriptor 3 is the seal's secret file; without the word it may be anything of Node's own. */
const hasSecretFile = process.argv[2] === "with-secret-file";
const opening = new Opening(hasSecretFile);

type Handler = (fields: readonly Buffer[]) => Answer;

const text = (field: Buffer | undefined): string => (field ?? empty).toString("utf8");
const received = (secret: Buffer | undefined, how: Buffer | undefined): Buffer =>
  opening.received(secret ?? empty, text(how) === "box");
const field = (fields: readonly Buffer[], index: number): Buffer => fields[index] ?? empty;

const handlers: Readonly<Record<number, Handler>> = {
  [Op.boxKey]: () => [Buffer.from(opening.publicKey)],
  [Op.propose]: ([seal, secret, how, recipient, id]) =>
    opening.propose(
      vault,
      JSON.parse(text(seal)) as SealRecord,
      received(secret, how),
      recipient ?? empty,
      Number(text(id)),
    ),
  [Op.adopt]: ([keyring]) => {
    opening.adopt(vault, JSON.parse(text(keyring)) as KeyringRecord);
    return [];
  },
  [Op.offer]: ([keyring, share, how]) => [
    opening.offer(vault, JSON.parse(text(keyring)) as KeyringRecord, received(share, how)),
  ],
  [Op.unseal]: ([keyring, secret, how]) => {
    opening.unseal(vault, JSON.parse(text(keyring)) as KeyringRecord, received(secret, how));
    return [];
  },
  [Op.newDomainKey]: ([id]) => [vault.nextDomainKey(Number(text(id)))],
  [Op.useDomainKey]: ([id, wrapped]) => {
    vault.useDomainKey(Number(text(id)), wrapped ?? empty);
    return [];
  },
  [Op.encrypt]: (f) => [vault.encrypt(field(f, 0), text(f[1]), field(f, 2), field(f, 3), field(f, 4))],
  [Op.decrypt]: (f) => [vault.decrypt(field(f, 0), text(f[1]), field(f, 2), field(f, 3), field(f, 4))],
  [Op.dataKey]: (f) => {
    const plaintext = randomBytes(Number(text(f[3])));
    const ciphertext = vault.encrypt(field(f, 0), text(f[1]), field(f, 2), plaintext, field(f, 4));
    if (text(f[5]) === "plaintext") return [ciphertext, plaintext];
    plaintext.fill(0);
    return [ciphertext];
  },
  [Op.mac]: (f) => [vault.mac(field(f, 0), text(f[1]), field(f, 2), field(f, 3))],
  [Op.verifyMac]: (f) => [
    Buffer.of(vault.verifyMac(field(f, 0), text(f[1]), field(f, 2), field(f, 3), field(f, 4)) ? 1 : 0),
  ],
  [Op.random]: ([count]) => [randomBytes(Number(text(count)))],
  [Op.protect]: (f) => [vault.protect(text(f[0]), text(f[1]), field(f, 2))],
  [Op.reveal]: (f) => [vault.reveal(text(f[0]), text(f[1]), field(f, 2))],
  [Op.forget]: ([group]) => {
    vault.forget(groupOf(text(group)));
    return [];
  },
};

/** Operations that make sense while the vault is sealed. */
const unsealed = new Set<number>([Op.propose, Op.adopt, Op.unseal, Op.offer, Op.boxKey, Op.forget]);

function handle(message: Message): Answer {
  const pairHandler = pairHandlers[message.code];
  return pairHandler ? pairHandler(vault, message.fields) : handlers[message.code]!(message.fields);
}

function answer(message: Message): Message | Promise<Message> {
  const { id, code } = message;
  if (!handlers[code] && !pairHandlers[code]) return failure(id, Status.failed, "unknown operation");
  if (vault.sealed && !unsealed.has(code)) return failure(id, Status.sealed, "sealed");
  try {
    const fields = handle(message);
    if (!(fields instanceof Promise)) return { id, code: Status.ok, fields };
    return fields.then(
      (done) => ({ id, code: Status.ok, fields: done }),
      (error: unknown) => failed(id, error),
    );
  } catch (error) {
    return failed(id, error);
  }
}

function failure(id: number, code: number, detail: string): Message {
  return { id, code, fields: [Buffer.from(detail)] };
}

function failed(id: number, error: unknown): Message {
  if (error instanceof NeedsTombstoneKey) return failure(id, Status.needsTombstoneKey, error.group);
  if (error instanceof UnknownDomainKey) return failure(id, Status.unknownDomainKey, "");
  if (error instanceof VaultSealed) return failure(id, Status.sealed, "sealed");
  if (error instanceof VaultDecrypt) return failure(id, Status.decrypt, "");
  if (error instanceof VaultUnsupported) return failure(id, Status.unsupported, error.message);
  if (error instanceof VaultWrappingKey) return failure(id, Status.wrappingKey, "");
  if (error instanceof VaultInput) return failure(id, Status.input, error.message);
  if (error instanceof SealInputError) return failure(id, Status.seal, error.message);
  // The error's text is not passed on: it may quote its input.
  return failure(id, Status.failed, error instanceof Error ? error.name : "error");
}

function send(answers: readonly Message[]): void {
  const frame = encodeFrame(answers);
  for (const { fields } of answers) for (const part of fields) part.fill(0);
  process.stdout.write(frame, () => frame.fill(0));
}

/** Answers that came later than the turn of their question; those of one turn share a frame. */
let late: Message[] = [];

function sendLater(message: Message): void {
  if (late.length === 0) {
    setImmediate(() => {
      const answers = late;
      late = [];
      send(answers);
    });
  }
  late.push(message);
}

const reader = new FrameReader((messages) => {
  const now: Message[] = [];
  for (const message of messages) {
    const answered = answer(message);
    if (answered instanceof Promise) void answered.then(sendLater);
    else now.push(answered);
  }
  if (now.length > 0) send(now);
});

process.stdin.on("data", (chunk: Buffer) => {
  try {
    reader.push(chunk);
  } catch {
    process.exit(70);
  }
});
// The parent is gone, or wants us gone: with it goes every key.
process.stdin.on("end", () => process.exit(0));
process.stdout.on("error", () => process.exit(0));
