/** Runs one Insights query in a thread of its own: a regex that takes for ever takes this thread, and no more. */
import { parentPort, workerData } from "node:worker_threads";
import { type QueryEvent, QueryRun } from "#engines/logQuery/run.ts";

const { text, limit } = workerData as { text: string; limit: number };
const run = new QueryRun(text, limit);

parentPort!.on("message", (events: QueryEvent[] | "end") => {
  if (events === "end") {
    parentPort!.postMessage(run.finish());
    parentPort!.close();
    return;
  }
  for (const event of events) run.push(event);
  parentPort!.postMessage("taken");
});
