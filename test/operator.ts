/** The operator's socket of an instance, as the CLI uses it. */
import { request } from "node:http";
import { join } from "node:path";
import type { Instance } from "./instance.ts";

export function operator(instance: Instance, method: string, path: string, body?: unknown): Promise<any> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: join(instance.dataDir, "run/admin.sock"), method, path }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(text));
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
      });
    });
    sent.once("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Moves the installation's clock. Milliseconds. */
export function advance(instance: Instance, advanceMs: number): Promise<unknown> {
  return operator(instance, "POST", "/_jikimi/time", { advanceMs });
}
