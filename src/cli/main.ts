/** Entry of the command line; `jikimi` starts it under the right Node. */
import { enableCompileCache } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(import.meta.url);
const home = dirname(dirname(dirname(script)));

// Compiled modules are kept beside the program, for the roles too: it saves half of the start, and the memory of
// the TypeScript loader in each process. Node checks the content; a folder that cannot be written is no error.
process.env["NODE_COMPILE_CACHE"] ??= join(home, ".cache", "node");
enableCompileCache(process.env["NODE_COMPILE_CACHE"]);

// Imported only now, so that all of it comes out of the cache.
const { commandLine } = await import("./commandLine.ts");
await commandLine(script, home);
