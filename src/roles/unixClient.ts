/** Asks over a Unix socket that `serveUnix` answers. */
import { request } from "node:http";

export interface UnixAnswer {
  status: number;
  text: string;
}

/** Largest answer, in bytes. */
const most = 16 << 20;

/** @throws Error when nobody answers within `patienceMs`, or the answer is too long; with the system's `code` where it has one */
export function askUnix(
  socketPath: string,
  method: string,
  path: string,
  body: unknown,
  patienceMs: number,
): Promise<UnixAnswer> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers: Record<string, string> = { host: "localhost" };
    if (payload !== undefined) {
      headers["content-type"] = "application/json";
      headers["content-length"] = String(Buffer.byteLength(payload));
    }
    const asked = request({ socketPath, method, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
        if (text.length > most) asked.destroy(new Error("too much"));
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    asked.setTimeout(patienceMs, () => asked.destroy(new Error(`no answer within ${patienceMs / 1000} s`)));
    asked.on("error", reject);
    asked.end(payload);
  });
}
