import { InvalidKey, type DocumentKey, type Operation } from "./contract.ts";
import {
  afterPrefix,
  checkKey,
  checkName,
  checkScope,
  checkText,
  checkVersion,
  eventLimit,
  keyLimits,
  toJson,
} from "./limits.ts";

/** A checked, serialised operation: what the engines apply. Optional members are `null`, the form SQL takes. */
export type PreparedOperation =
  | {
      op: "put";
      key: DocumentKey;
      value: string;
      ifVersion: number | null;
      indexes: [name: string, value: string][];
      expiresAt: number | null;
    }
  | { op: "delete"; key: DocumentKey; ifVersion: number | null }
  | { op: "check"; key: DocumentKey; ifVersion: number }
  | { op: "checkNone"; key: Omit<DocumentKey, "id">; prefix: string; until: string | null }
  | { op: "append"; stream: string; key: string; id: string; event: string; fresh: boolean }
  | { op: "guard"; name: string; owner: string; token: number };

/** Version 4. Source: RFC 9562, section 5.4. */
const randomUuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

/** Checks and serialises at the call, so that a caller may change its objects afterwards. Throws `InvalidKey`. */
export function prepareOperation(operation: Operation): PreparedOperation {
  switch (operation.op) {
    case "put": {
      checkKey(operation.key);
      checkVersion(operation.ifVersion);
      if (operation.expiresAt !== undefined && !Number.isFinite(operation.expiresAt)) {
        throw new InvalidKey(`expiresAt must be epoch milliseconds, got ${operation.expiresAt}`);
      }
      return {
        op: "put",
        key: operation.key,
        value: toJson("value", operation.value),
        ifVersion: operation.ifVersion ?? null,
        indexes: indexRows(operation.key.id, operation.indexes ?? {}),
        expiresAt: operation.expiresAt === undefined ? null : Math.floor(operation.expiresAt),
      };
    }
    case "delete":
      checkKey(operation.key);
      checkVersion(operation.ifVersion);
      return { op: "delete", key: operation.key, ifVersion: operation.ifVersion ?? null };
    case "check":
      checkKey(operation.key);
      checkVersion(operation.ifVersion);
      return { op: "check", key: operation.key, ifVersion: operation.ifVersion };
    case "checkNone": {
      checkScope(operation.key);
      const prefix = operation.prefix ?? "";
      checkText("prefix", prefix, keyLimits.id);
      return { op: "checkNone", key: operation.key, prefix, until: afterPrefix(prefix) ?? null };
    }
    case "append":
      checkName("stream", operation.stream);
      checkText("event key", operation.key, keyLimits.id);
      checkText("event id", operation.id, 256);
      if (operation.id === "") throw new InvalidKey("event id is empty");
      return {
        op: "append",
        stream: operation.stream,
        key: operation.key,
        id: operation.id,
        event: toJson("event", operation.event, eventLimit),
        fresh: randomUuid.test(operation.id),
      };
    case "guard":
      checkText("lease name", operation.lease.name, 512);
      checkText("lease owner", operation.lease.owner, 512);
      checkVersion(operation.lease.fencingToken);
      return {
        op: "guard",
        name: operation.lease.name,
        owner: operation.lease.owner,
        token: operation.lease.fencingToken,
      };
    default:
      throw new InvalidKey(`unknown operation ${String((operation as { op: unknown }).op)}`);
  }
}

/** The operation that was prepared, for an engine that prepares by itself. */
export function restoreOperation(prepared: PreparedOperation): Operation {
  switch (prepared.op) {
    case "put": {
      const { key, value, ifVersion, indexes, expiresAt } = prepared;
      const byName = Map.groupBy(indexes, ([name]) => name);
      return {
        op: "put",
        key,
        value: JSON.parse(value) as unknown,
        indexes: Object.fromEntries([...byName].map(([name, rows]) => [name, rows.map((row) => row[1])])),
        ...(ifVersion === null ? {} : { ifVersion }),
        ...(expiresAt === null ? {} : { expiresAt }),
      };
    }
    case "delete":
      return {
        op: "delete",
        key: prepared.key,
        ...(prepared.ifVersion === null ? {} : { ifVersion: prepared.ifVersion }),
      };
    case "append": {
      const { op, stream, key, id, event } = prepared;
      return { op, stream, key, id, event: JSON.parse(event) as unknown };
    }
    case "checkNone":
      return { op: "checkNone", key: prepared.key, prefix: prepared.prefix };
    case "guard":
      return { op: "guard", lease: { name: prepared.name, owner: prepared.owner, fencingToken: prepared.token } };
    case "check":
      return prepared;
    default:
      throw new InvalidKey(`unknown operation ${String((prepared as { op: unknown }).op)}`);
  }
}

function indexRows(id: string, indexes: Record<string, string | readonly string[]>): [string, string][] {
  const rows = new Map<string, [string, string]>();
  const room = keyLimits.valueAndId - Buffer.byteLength(id);
  for (const [name, values] of Object.entries(indexes)) {
    checkText("index name", name, keyLimits.index);
    for (const value of typeof values === "string" ? [values] : values) {
      checkText(`value of index ${name} together with the id`, value, room);
      rows.set(`${name}\0${value}`, [name, value]);
    }
  }
  return [...rows.values()];
}

/** The text a precondition failure is about, for `Conflict`. */
export function keyOf(operation: PreparedOperation): DocumentKey | undefined {
  switch (operation.op) {
    case "put":
    case "delete":
    case "check":
      return operation.key;
    case "checkNone":
      return { ...operation.key, id: operation.prefix };
    default:
      return undefined;
  }
}

export function isWrite(operation: PreparedOperation): boolean {
  return operation.op === "put" || operation.op === "delete" || operation.op === "append";
}

export function hasPrecondition(operation: PreparedOperation): boolean {
  if (operation.op === "put" || operation.op === "delete") return operation.ifVersion !== null;
  return operation.op !== "append";
}
