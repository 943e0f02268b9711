/**
 * The thread that writes a SQLite file. Whatever has arrived while it was syncing becomes one BEGIN IMMEDIATE ..
 * COMMIT, each write in its own savepoint, and is answered after the one fsync of that COMMIT: throughput rises
 * with load, and the owner's event loop never waits for a disk.
 */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { StoreUnavailable } from "./contract.ts";
import { isEngineFailure, resultCode, SqliteConnection, translateFailure } from "./sqlite-connection.ts";
import {
  Refusal,
  type CommandModule,
  type CommandSet,
  type FromWriter,
  type Outcome,
  type ToWriter,
  type Write,
  type WriterShared,
} from "./sqlite-protocol.ts";

/** Most writes of one transaction, so that those who wait are answered. */
const groupLimit = 512;
/** Pages of the log after which it is written back, by the writer's own COMMIT: 16 MB. */
const checkpointPages = 4000;

const { path, posted } = workerData as { path: string; posted: Int32Array };
const port = parentPort!;
const shared: WriterShared = {};
const sets = new Map<string, CommandSet>();
const commands = new Map<string, { set: CommandSet; run: (now: number, ...args: never[]) => unknown }>();
let broken: string | undefined;

const connection = new SqliteConnection(path);
connection.raw.exec(`pragma wal_autocheckpoint = ${checkpointPages}`);

function answer(message: FromWriter): void {
  port.postMessage(message);
}

function outcomeOf(error: unknown, unknown: boolean): Outcome {
  if (error instanceof Refusal) return { refusal: error.value };
  const translated = translateFailure(path, error, unknown);
  if (translated instanceof StoreUnavailable) return { unavailable: translated.message, unknown: translated.unknown };
  return { failure: String((error as Error).message) };
}

/** Nothing is said of a write that succeeded without a value. */
function execute([name, now, args]: Write): Outcome | undefined {
  const command = commands.get(name);
  if (!command) throw new TypeError(`unknown command ${name}`);
  for (const set of sets.values()) set.begin?.();
  const value = command.run(now, ...(args as never[]));
  return value === undefined ? undefined : { value };
}

/** Without a savepoint: throws what leaves its traces, so that the group has to be run again. */
function runLight(write: Write): Outcome | undefined {
  try {
    return execute(write);
  } catch (error) {
    if (error instanceof Refusal && error.clean) return { refusal: error.value };
    throw error;
  }
}

function runSaved(write: Write): Outcome | undefined {
  connection.run("savepoint batch");
  try {
    const outcome = execute(write);
    connection.run("release batch");
    return outcome;
  } catch (error) {
    // An engine failure concerns the whole group (and may have ended its transaction already).
    if (isEngineFailure(error)) throw error;
    connection.run("rollback to batch");
    connection.run("release batch");
    for (const set of sets.values()) set.undo?.();
    return outcomeOf(error, false);
  }
}

function rollback(): void {
  for (const set of sets.values()) set.lost?.();
  if (!connection.raw.isTransaction) return;
  try {
    connection.run("rollback");
  } catch (error) {
    broken = String(error);
  }
}

/**
 * Begins the group's transaction and runs its writes. Savepoints cost as much as a small write and are seldom needed:
 * only when a write has failed half way is everything undone and run again with them.
 */
function runAll(writes: readonly Write[]): (Outcome | undefined)[] {
  connection.run("begin immediate");
  try {
    return writes.map(runLight);
  } catch (error) {
    if (isEngineFailure(error)) throw error;
    rollback();
    if (broken !== undefined) throw error;
  }
  connection.run("begin immediate");
  return writes.map(runSaved);
}

function runGroup(writes: readonly Write[], messages: number): void {
  const count = writes.length;
  const refuseAll = (outcome: Outcome): void =>
    answer({
      count,
      outcomes: writes.map((_, position) => [position, outcome]),
      messages,
      marks: {},
      ...(broken === undefined ? {} : { broken }),
    });
  if (broken !== undefined) {
    return refuseAll({ unavailable: `the database failed earlier: ${broken}`, unknown: false });
  }
  const outcomes: [number, Outcome][] = [];
  const marks: Record<string, unknown> = {};
  try {
    runAll(writes).forEach((outcome, position) => {
      if (outcome) outcomes.push([position, outcome]);
    });
    for (const [url, set] of sets) if (set.finish) marks[url] = set.finish();
  } catch (error) {
    // Nothing has been committed: the COMMIT was not reached.
    rollback();
    return refuseAll(outcomeOf(error, false));
  }
  try {
    connection.run("commit");
  } catch (error) {
    rollback();
    const full = resultCode(error) === 13;
    // After a failed fsync the kernel may have dropped the dirty pages and a second one may lie, so
    // nothing more is promised by this process: it must reopen and recover from the log.
    if (!full) broken = String(error);
    return refuseAll(outcomeOf(error, !full));
  }
  answer({ count, outcomes, messages, marks });
}

async function use(url: string, options: unknown): Promise<void> {
  try {
    const module = (await import(url)) as CommandModule;
    const set = module.createCommands(connection, shared, options as never);
    sets.set(url, set);
    for (const [name, run] of Object.entries(set.commands)) commands.set(name, { set, run });
    answer({ used: url, value: set.value });
  } catch (error) {
    broken = String(error);
    answer({ used: url, failure: broken });
  }
}

function close(): void {
  let failure: string | undefined;
  try {
    connection.close();
  } catch (error) {
    failure = String(error);
  }
  answer({ closed: true, ...(failure === undefined ? {} : { failure }) });
  port.close();
}

const inbox: ToWriter[] = [];

function drainPort(): void {
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
    inbox.push(next.message as ToWriter);
  }
}

/** Whole messages, as many as fit one group. */
function takeWrites(): { writes: Write[]; messages: number } {
  const writes: Write[] = [];
  let messages = 0;
  for (let first = inbox[0]; first && "writes" in first; first = inbox[0]) {
    if (writes.length > 0 && writes.length + first.writes.length > groupLimit) break;
    writes.push(...first.writes);
    inbox.shift();
    messages++;
  }
  return { writes, messages };
}

/**
 * Sleeps until the owner has posted something since `seen`. The thread has nothing else to do, and an event loop
 * would cost more than a small write.
 */
for (;;) {
  const seen = Atomics.load(posted, 0);
  drainPort();
  const first = inbox[0];
  if (first === undefined) {
    Atomics.wait(posted, 0, seen);
    continue;
  }
  const { writes, messages } = takeWrites();
  if (writes.length > 0) {
    runGroup(writes, messages);
    continue;
  }
  inbox.shift();
  if ("use" in first) await use(first.use, first.options);
  else if ("close" in first) {
    close();
    break;
  }
}
