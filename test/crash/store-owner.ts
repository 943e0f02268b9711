/** The owner of a SQLite file that is killed: `node store-owner.ts <folder>`. Serves the store to other processes. */
import { serveIpc } from "#ipc/server.ts";
import { systemClock } from "#kernel/clock.ts";
import { storeErrors, storeHandlers } from "#store/ipc.ts";
import { SqliteStore } from "#store/sqlite.ts";

const folder = process.argv[2] ?? "";
const store = new SqliteStore(`${folder}/state.db`, { clock: systemClock });
await serveIpc(`${folder}/store.sock`, storeHandlers(store), { errors: storeErrors });
process.stdout.write("ready\n");
