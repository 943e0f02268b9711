import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { portOwner } from "./portOwner.ts";

test("names who listens, on IPv4 and IPv6", { skip: process.platform !== "linux" && "needs /proc" }, async () => {
  for (const host of ["127.0.0.1", "::1"]) {
    const server = createServer();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, host, resolve));
    const { port } = server.address() as AddressInfo;
    const owner = portOwner(port);
    assert.equal(owner?.pid, process.pid);
    assert.match(owner?.command ?? "", /node/);
    await new Promise((resolve) => server.close(resolve));
    assert.equal(portOwner(port), undefined);
  }
});
