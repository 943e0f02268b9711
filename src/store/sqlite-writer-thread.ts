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

const { path } = workerData as { path: string };
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

function runOne([name, now, args]: Write): Outcome {
  connection.run("savepoint batch");
  const command = commands.get(name);
  try {
    if (!command) throw new TypeError(`unknown command ${name}`);
    for (const set of sets.values()) set.begin?.();
    const value = command.run(now, ...(args as never[]));
    connection.run("release batch");
    return { value };
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

function runGroup(writes: readonly Write[], messages: number): void {
  const refuseAll = (outcome: Outcome): void =>
    answer({ outcomes: writes.map(() => outcome), messages, marks: {}, ...(broken === undefined ? {} : { broken }) });
  if (broken !== undefined) {
    return refuseAll({ unavailable: `the database failed earlier: ${broken}`, unknown: false });
  }
  let outcomes: Outcome[];
  const marks: Record<string, unknown> = {};
  try {
    connection.run("begin immediate");
    outcomes = writes.map(runOne);
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
  answer({ outcomes, messages, marks });
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

let running = false;
async function run(): Promise<void> {
  if (running) return;
  running = true;
  for (drainPort(); inbox.length > 0; drainPort()) {
    const { writes, messages } = takeWrites();
    if (writes.length > 0) {
      runGroup(writes, messages);
      continue;
    }
    const message = inbox.shift()!;
    if ("use" in message) await use(message.use, message.options);
    else if ("close" in message) return close();
  }
  running = false;
}

port.on("message", (message: ToWriter) => {
  inbox.push(message);
  void run();
});
