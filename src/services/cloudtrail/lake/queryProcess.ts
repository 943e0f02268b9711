/**
 * Runs a translated query in a process of its own, so that no statement can hold up or bring down this one: it has
 * no network, reads no file but its own code, and is killed when its time is over.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Answer, Feed, QueryJob } from "./queryProtocol.ts";

const entry = fileURLToPath(new URL(`./queryChild${extname(import.meta.url)}`, import.meta.url));
const sources = join(dirname(entry), "../../..");
/** SQLite's own limit on memory is not built into Node; the shell's holds for the whole process. Kilobytes. */
const mostMemory = 2_000_000;
const shell = "/bin/sh";
const limited = `ulimit -c 0; ulimit -v ${mostMemory}; exec "$0" "$@"`;
/** Lines that are written at once. */
const feedBatch = 200;

/** The statement could not be carried through. The text is for the one who asked. */
export class QueryFailed extends Error {
  constructor(message: string) {
    super(message);
    this.name = "QueryFailed";
  }
}

/**
 * Gives the rows of the result, as values of SQLite, and returns how many events matched.
 * @param signal kills the process
 * @throws QueryFailed
 */
export async function* runInProcess(
  job: QueryJob,
  feed: AsyncIterable<Feed>,
  signal: AbortSignal,
): AsyncGenerator<unknown[], number | undefined> {
  const flags = [
    "--permission",
    `--allow-fs-read=${sources}`,
    `--allow-fs-read=${join(sources, "../package.json")}`,
    "--no-warnings",
  ];
  const args = [...flags, entry];
  const [file, argv] = existsSync(shell)
    ? [shell, ["-c", limited, process.execPath, ...args]]
    : [process.execPath, args];
  const child = spawn(file, argv, { env: {}, cwd: dirname(entry), stdio: ["pipe", "pipe", "pipe"] });
  const kill = () => child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  if (signal.aborted) kill();
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaint = (complaint + text).slice(-2000)));
  // A process that ends early stops reading; how it ended is told below.
  child.stdin.on("error", () => {});
  const started = new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  try {
    await started;
    const fed = writeAll(child.stdin, job, feed).catch((error: unknown) => {
      kill();
      throw error;
    });
    // Looked at below, after what the process has said.
    fed.catch(() => {});
    let finished: { matched?: number } | undefined;
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
      const said = JSON.parse(line) as Answer;
      if ("error" in said) throw new QueryFailed(said.error);
      if ("done" in said) finished = said;
      else yield said.row as unknown[];
    }
    await fed;
    if (!finished && !signal.aborted)
      throw new QueryFailed(`The query ran out of memory. ${complaint.slice(0, 200)}`.trim());
    return finished?.matched;
  } finally {
    signal.removeEventListener("abort", kill);
    kill();
  }
}

async function writeAll(input: NodeJS.WritableStream, job: QueryJob, feed: AsyncIterable<Feed>): Promise<void> {
  input.write(`${JSON.stringify(job)}\n`);
  let lines: string[] = [];
  const flush = async () => {
    const text = lines.join("");
    lines = [];
    if (!(input as { destroyed?: boolean }).destroyed && !input.write(text)) await drained(input);
  };
  for await (const row of feed) {
    lines.push(`${JSON.stringify(row)}\n`);
    if (lines.length >= feedBatch) await flush();
  }
  await flush();
  input.end();
}

function drained(input: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ["drain", "close", "error"]) input.removeListener(event, done);
      resolve();
    };
    for (const event of ["drain", "close", "error"]) input.once(event, done);
  });
}
