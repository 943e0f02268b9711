import assert from "node:assert/strict";
import { test } from "node:test";
import { addressGroup, clientAddress } from "./address.ts";

const rows: [string | undefined, string, string][] = [
  ["127.0.0.1", "127.0.0.1", "127.0.0.1"],
  ["::ffff:10.1.2.3", "10.1.2.3", "10.1.2.3"],
  ["::1", "::1", "0:0:0:0::/64"],
  ["2001:db8::1", "2001:db8::1", "2001:db8:0:0::/64"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::9", "2001:db8:1:2::9", "2001:db8:1:2::/64"],
  ["fe80::1%eth0", "fe80::1%eth0", "fe80:0:0:0::/64"],
  [undefined, "", ""],
];

for (const [remote, address, group] of rows) {
  test(`${remote} is ${address}, counted as ${group}`, () => {
    assert.equal(clientAddress(remote), address);
    assert.equal(addressGroup(clientAddress(remote)), group);
  });
}
