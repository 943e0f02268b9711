/** Paths that cannot be read, unsigned, with and without an Origin: refused with AWS's code, and never a failure of ours. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { startInstance, type Instance } from "../instance.ts";

let instance: Instance;
before(async () => {
  instance = await startInstance();
});
after(() => instance?.stop());

function ask(method: string, path: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(instance.endpoint);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode!, body }));
    });
    sent.once("error", reject);
    sent.end();
  });
}

test("a path with a broken escape is a bad request, whoever asks", async () => {
  for (const path of ["/%zz", "/%zz?.+", "/bucket/%", "/%%20+c/%zz/", "/%e0%a4%a"]) {
    for (const method of ["GET", "PUT", "HEAD", "DELETE", "POST", "OPTIONS"]) {
      for (const headers of [{}, { origin: "https://example.com" }, { host: "bucket.localhost" }]) {
        const { status } = await ask(method, path, headers);
        assert.ok(status >= 400 && status < 500, `${method} ${path} ${JSON.stringify(headers)}: ${status}`);
      }
    }
  }
  assert.match((await ask("GET", "/%zz", {})).body, /<Code>InvalidURI<\/Code>/);
});
