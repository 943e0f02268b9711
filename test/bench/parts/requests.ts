/** Requests that are signed once and sent many times, so that the client costs the same whatever it talks to. */
import { type Agent, request } from "node:http";

export interface Prepared {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array;
}

interface Sent {
  method: string;
  path: string;
  query?: Record<string, string>;
  headers: Record<string, string>;
  body?: Uint8Array | string;
}

interface AnyClient {
  config: { requestHandler: unknown };
}

/** What the SDK would send for a call, caught at its HTTP handler. */
export async function prepare<C extends AnyClient>(
  client: C,
  call: (client: C) => Promise<unknown>,
): Promise<Prepared> {
  let caught: Prepared | undefined;
  const handler = client.config.requestHandler as object;
  client.config.requestHandler = {
    ...handler,
    handle: async ({ method, path, query, headers, body }: Sent) => {
      const search = new URLSearchParams(query ?? {}).toString();
      const bytes = typeof body === "string" ? Buffer.from(body) : (body ?? new Uint8Array());
      caught = { method, path: search === "" ? path : `${path}?${search}`, headers, body: bytes };
      throw new Error("caught");
    },
  };
  await call(client).catch(() => undefined);
  client.config.requestHandler = handler;
  if (!caught) throw new Error("the SDK sent nothing");
  return caught;
}

/** Sends it and reads the answer to its end; throws unless it is 200. Gives the size of the answer. */
export function send(agent: Agent, port: number, { method, path, headers, body }: Prepared): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, method, path, agent, headers }, (response) => {
      let size = 0;
      response.on("data", (chunk: Buffer) => (size += chunk.length));
      response.on("end", () => {
        if (response.statusCode === 200) resolve(size);
        else reject(new Error(`${method} ${path} answered ${response.statusCode}`));
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
