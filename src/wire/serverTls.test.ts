import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { silentLogger } from "#kernel/log.ts";
import { createServer } from "./server.ts";
import { echo, localIdentity, raw, withServer } from "./server.testing.ts";

const run = promisify(execFile);

test("TLS on the same port: protocol and cipher are told, openssl and curl agree", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "jikimi-front-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, "cert.pem"), localIdentity().cert as Buffer);
  await withServer(echo, async (port, server) => {
    const got = await new Promise<string>((resolve, reject) => {
      httpsRequest({ port, host: "127.0.0.1", ca: localIdentity().cert as Buffer, agent: false }, (response) => {
        let answer = "";
        response.on("data", (piece) => (answer += piece));
        response.on("end", () => resolve(answer));
      })
        .on("error", reject)
        .end();
    });
    assert.match(got, /"tls":\{"protocol":"TLSv1.3","cipher":"TLS_/);

    const curl = await run("curl", [
      "-sS",
      "--cacert",
      join(directory, "cert.pem"),
      `https://localhost:${port}/curl`,
      "-d",
      "body",
      "--noproxy",
      "*",
    ]);
    assert.match(curl.stdout, /"path":"\/curl".*"body":"body"/);
    const plain = await run("curl", ["-sS", `http://127.0.0.1:${port}/plain`, "--noproxy", "*"]);
    assert.match(plain.stdout, /"path":"\/plain"/);
    const openssl = await run("sh", [
      "-c",
      `printf 'GET /o HTTP/1.1\\r\\nHost: h\\r\\nConnection: close\\r\\n\\r\\n' | openssl s_client -quiet -connect 127.0.0.1:${port} -CAfile ${join(directory, "cert.pem")} -verify_return_error -alpn h2,http/1.1 2>/dev/null`,
    ]);
    assert.match(openssl.stdout, /"path":"\/o"/);

    server.setTls(localIdentity());
    const old = await run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-tls1_1"]).then(
      () => "accepted",
      () => "refused",
    );
    assert.equal(old, "refused");
  });
});

test("a broken handshake, and TLS where there is none", async () => {
  await withServer(echo, async (port) => {
    await raw(port, "\x16\x03\x01\xff\xffgarbage".padEnd(4000, "x"));
    assert.match(await raw(port, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), /"path":"\/"/);
  });
  const server = createServer({ handler: echo, logger: silentLogger });
  const { port } = await server.listen({ port: 0 });
  assert.equal(await raw(port, "\x16\x03\x01"), "");
  await server.close(0);
});
