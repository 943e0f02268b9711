import assert from "node:assert/strict";
import { createSecretKey, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { groupOf, NeedsTombstoneKey, Vault, VaultDecrypt, VaultSealed, VaultUnsupported } from "./vault.ts";

const none = Buffer.alloc(0);
const aad = Buffer.from("aad");
const root = (fill: number): KeyObject => createSecretKey(Buffer.alloc(32, fill));

function openVault(limit?: number): Vault {
  const vault = new Vault(limit);
  vault.unseal(root(1), 1, [{ id: 1, wrapped: Vault.newDomainKey(root(1), 1) }]);
  return vault;
}

test("nothing works before unsealing, and not with another root", () => {
  const vault = new Vault();
  assert.throws(() => vault.generate("SYMMETRIC_DEFAULT", "k|1", none), VaultSealed);
  assert.throws(() => vault.protect("p", "b", none), VaultSealed);
  const wrapped = Vault.newDomainKey(root(1), 1);
  assert.throws(() => vault.unseal(root(2), 1, [{ id: 1, wrapped }]), VaultDecrypt);
  assert.throws(() => vault.unseal(root(1), 2, [{ id: 1, wrapped }]), VaultDecrypt, "current key is missing");
  assert.equal(vault.sealed, true);
});

test("a token works only with its bound and its group's tombstone key", () => {
  const vault = openVault();
  const { wrapped, tombstone } = vault.generate("SYMMETRIC_DEFAULT", "key-a|1", none);
  const other = vault.generate("SYMMETRIC_DEFAULT", "key-b|1", none);
  assert.throws(() => vault.encrypt(wrapped, "key-a|1", none, aad, aad), NeedsTombstoneKey);
  assert.throws(() => vault.encrypt(wrapped, "key-a|1", other.tombstone!, aad, aad), VaultDecrypt);
  const blob = vault.encrypt(wrapped, "key-a|1", tombstone!, Buffer.from("text"), aad);
  assert.equal(vault.decrypt(wrapped, "key-a|1", none, blob, aad).toString(), "text", "from the cache");
  assert.throws(() => vault.decrypt(wrapped, "key-a|2", tombstone!, blob, aad), VaultDecrypt, "another version");
  assert.throws(() => vault.decrypt(wrapped, "key-b|1", other.tombstone!, blob, aad), VaultDecrypt, "another key");
  const second = vault.generate("SYMMETRIC_DEFAULT", "key-a|2", tombstone!);
  assert.equal(second.tombstone, undefined, "versions share the tombstone key");
  assert.throws(() => vault.decrypt(second.wrapped, "key-a|2", tombstone!, blob, aad), VaultDecrypt);
});

test("forgetting a group needs its tombstone key again", () => {
  const vault = openVault();
  const a = vault.generate("SYMMETRIC_DEFAULT", "a|1", none);
  const b = vault.generate("SYMMETRIC_DEFAULT", "b|1", none);
  vault.encrypt(a.wrapped, "a|1", a.tombstone!, aad, aad);
  vault.encrypt(b.wrapped, "b|1", b.tombstone!, aad, aad);
  vault.forget("a");
  assert.throws(() => vault.encrypt(a.wrapped, "a|1", none, aad, aad), NeedsTombstoneKey);
  vault.encrypt(b.wrapped, "b|1", none, aad, aad);
});

test("the cache is bounded and keeps what is used", () => {
  const vault = openVault(3);
  const keys = [1, 2, 3, 4].map((n) => ({ bound: `k${n}|1`, ...vault.generate("SYMMETRIC_DEFAULT", `k${n}|1`, none) }));
  const use = (n: number, tombstone: Buffer): void =>
    void vault.encrypt(keys[n]!.wrapped, keys[n]!.bound, tombstone, aad, aad);
  for (const n of [0, 1, 2]) use(n, keys[n]!.tombstone!);
  use(0, none);
  use(3, keys[3]!.tombstone!);
  use(0, none);
  assert.throws(() => use(1, none), NeedsTombstoneKey, "the least recently used went");
});

test("domain keys: new ones wrap, old ones open", () => {
  const vault = openVault();
  const before = vault.protect("purpose", "bound", Buffer.from("secret"));
  vault.useDomainKey(2, vault.nextDomainKey(2));
  const after = vault.protect("purpose", "bound", Buffer.from("secret"));
  assert.equal(before.readUInt32BE(0), 1);
  assert.equal(after.readUInt32BE(0), 2);
  for (const blob of [before, after]) assert.equal(vault.reveal("purpose", "bound", blob).toString(), "secret");
  assert.throws(() => vault.reveal("other", "bound", after), VaultDecrypt);
  assert.throws(() => vault.reveal("purpose", "boune", after), VaultDecrypt);
  after.writeUInt32BE(1, 0);
  assert.throws(
    () => vault.reveal("purpose", "bound", after),
    VaultDecrypt,
    "the id of the domain key is authenticated",
  );
  assert.throws(() => vault.reveal("purpose", "bound", Buffer.of(1)), VaultDecrypt);
});

test("a MAC key does not encrypt, an encryption key makes no MAC", () => {
  const vault = openVault();
  const mac = vault.generate("HMAC_256", "m|1", none);
  const sym = vault.generate("SYMMETRIC_DEFAULT", "s|1", none);
  assert.throws(() => vault.encrypt(mac.wrapped, "m|1", mac.tombstone!, aad, aad), VaultUnsupported);
  assert.throws(() => vault.mac(sym.wrapped, "s|1", sym.tombstone!, aad), VaultUnsupported);
  assert.throws(() => vault.generate("SM2", "r|1", none), VaultUnsupported);
  assert.throws(() => vault.pair(mac.wrapped, "m|1", mac.tombstone!), VaultUnsupported);
});

const macBytes: [string, number][] = [
  ["HMAC_224", 28],
  ["HMAC_256", 32],
  ["HMAC_384", 48],
  ["HMAC_512", 64],
];
for (const [spec, bytes] of macBytes) {
  test(`${spec} makes MACs of ${bytes} bytes that verify, and only those`, () => {
    const vault = openVault();
    const { wrapped, tombstone } = vault.generate(spec, "m|1", none);
    const mac = vault.mac(wrapped, "m|1", tombstone!, Buffer.from("message"));
    assert.equal(mac.length, bytes);
    assert.equal(vault.verifyMac(wrapped, "m|1", none, Buffer.from("message"), mac), true);
    assert.equal(vault.verifyMac(wrapped, "m|1", none, Buffer.from("messagf"), mac), false);
    assert.equal(vault.verifyMac(wrapped, "m|1", none, Buffer.from("message"), mac.subarray(1)), false);
  });
}

test("the group is the part in front of the first bar", () => {
  assert.equal(groupOf("arn:aws:kms:r:1:key/x|3|SYMMETRIC_DEFAULT"), "arn:aws:kms:r:1:key/x");
  assert.equal(groupOf("plain"), "plain");
});
