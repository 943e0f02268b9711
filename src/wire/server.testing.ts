/** For tests of the HTTP front: a certificate, a server with a handler, and bytes as a client sends them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "#kernel/log.ts";
import type { HttpRequest, HttpResponse } from "./contract.ts";
import { collectBody } from "./incomingBody.ts";
import type { ServerLimits } from "./limits.ts";
import { createServer, type FrontServer, type TlsIdentity } from "./server.ts";

export type Handler = (request: HttpRequest, signal: AbortSignal) => HttpResponse | Promise<HttpResponse>;

let made: TlsIdentity | undefined;

/** A certificate for localhost, made by OpenSSL; one for each test file. */
export function localIdentity(): TlsIdentity {
  return (made ??= newIdentity());
}

function newIdentity(): TlsIdentity {
  const folder = mkdtempSync(join(tmpdir(), "jikimi-front-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  try {
    execFileSync("openssl", ["req", "-x509", ...curve, ...names, "-keyout", key, "-out", cert], { stdio: "pipe" });
    return { cert: readFileSync(cert), key: readFileSync(key) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const text = (body: string, status = 200): HttpResponse => ({
  status,
  headers: { "content-type": "text/plain" },
  body,
});

export async function withServer(
  handler: Handler,
  work: (port: number, server: FrontServer) => Promise<void>,
  limits: Partial<ServerLimits> = {},
): Promise<void> {
  const server = createServer({ handler, tls: localIdentity(), limits, logger: silentLogger });
  const { port } = await server.listen({ port: 0 });
  try {
    await work(port, server);
  } finally {
    await server.close(0);
  }
}

/** Sends bytes, returns everything the server says until it closes (or until `enough`). */
export function raw(port: number, bytes: string, enough?: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let got = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes, "latin1"));
    socket.on("data", (piece) => {
      got += piece.toString("latin1");
      if (enough?.test(got) === true) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(got));
  });
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

export const echo: Handler = async (request) => {
  const body = await collectBody(request.body, 1 << 20);
  return text(
    JSON.stringify({
      method: request.method,
      path: request.path,
      query: request.query,
      headers: { ...request.headers },
      body: body.toString("latin1"),
      tls: request.tls,
    }),
  );
};
