/** A supervisor in a process of its own, for the test that kills it. */
import { Supervisor } from "../supervisor.ts";
import type { RoleConfig } from "../role.ts";
import { standinEntry } from "./standinEntry.ts";

const config = JSON.parse(process.argv[2] ?? "{}") as RoleConfig;
const supervisor = new Supervisor({ roles: [standinEntry("api"), standinEntry("jobs")], config });
await supervisor.start();
process.stdout.write(`${JSON.stringify(supervisor.pids())}\n`);
