/**
 * A batch on its way to the writer's thread: one flat list of texts and numbers. Cloning objects between threads
 * costs more than writing what they say.
 */
import type { PreparedOperation } from "./operations.ts";

export type PackedBatch = (string | number | null)[];

/** Code of each operation; the members follow in the order of `packBatch`. */
const codes = { put: 0, delete: 1, check: 2, checkNone: 3, append: 4, guard: 5 } as const;

export function packBatch(batch: readonly PreparedOperation[]): PackedBatch {
  const packed: PackedBatch = [];
  for (const operation of batch) pack(operation, packed);
  return packed;
}

function pack(operation: PreparedOperation, packed: PackedBatch): void {
  switch (operation.op) {
    case "put": {
      const { key, value, ifVersion, expiresAt, indexes } = operation;
      packed.push(codes.put, key.account, key.region, key.service, key.type, key.id);
      packed.push(value, ifVersion, expiresAt, indexes.length === 0 ? 0 : JSON.stringify(indexes));
      return;
    }
    case "delete":
    case "check": {
      const { op, key, ifVersion } = operation;
      packed.push(codes[op], key.account, key.region, key.service, key.type, key.id, ifVersion);
      return;
    }
    case "checkNone": {
      const { key, prefix, until } = operation;
      packed.push(codes.checkNone, key.account, key.region, key.service, key.type, prefix, until);
      return;
    }
    case "append": {
      const { stream, key, id, event, fresh } = operation;
      packed.push(codes.append, stream, key, id, event, fresh ? 1 : 0);
      return;
    }
    case "guard":
      packed.push(codes.guard, operation.name, operation.owner, operation.token);
  }
}

/** A `put` whose index rows are still the JSON of its document: they are read only where they have changed. */
export type WriterOperation =
  | Exclude<PreparedOperation, { op: "put" }>
  | (Omit<PreparedOperation & { op: "put" }, "indexes"> & { indexed: string | number });

export function unpackBatch(packed: PackedBatch): WriterOperation[] {
  const operations: WriterOperation[] = [];
  let at = 0;
  const next = (): never => packed[at++] as never;
  const key = () => ({ account: next(), region: next(), service: next(), type: next(), id: next() });
  while (at < packed.length) {
    const code = packed[at++];
    switch (code) {
      case codes.put:
        operations.push({
          op: "put",
          key: key(),
          value: next(),
          ifVersion: next(),
          expiresAt: next(),
          indexed: next(),
        });
        break;
      case codes.delete:
        operations.push({ op: "delete", key: key(), ifVersion: next() });
        break;
      case codes.check:
        operations.push({ op: "check", key: key(), ifVersion: next() });
        break;
      case codes.checkNone: {
        const { id: prefix, ...where } = key();
        operations.push({ op: "checkNone", key: where, prefix, until: next() });
        break;
      }
      case codes.append:
        operations.push({
          op: "append",
          stream: next(),
          key: next(),
          id: next(),
          event: next(),
          fresh: packed[at++] === 1,
        });
        break;
      case codes.guard:
        operations.push({ op: "guard", name: next(), owner: next(), token: next() });
        break;
      default:
        throw new TypeError(`unknown code ${code} in a batch`);
    }
  }
  return operations;
}
