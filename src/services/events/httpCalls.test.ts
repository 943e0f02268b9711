/** Where the installation says so, no address of a private network is called, by number or by name. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpCalls } from "./httpCalls.ts";

test("private addresses are not called where only public ones may be", async () => {
  const http = new HttpCalls({ publicTargetsOnly: true });
  const hosts = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "localhost"];
  for (const host of hosts) {
    const call = { url: `https://${host}:1/`, method: "POST", headers: {}, body: "" };
    const answer = await http.send(call, new AbortController().signal);
    assert.equal("failure" in answer && answer.failure, "PRIVATE_TARGET", host);
  }
  await http.close();
});
