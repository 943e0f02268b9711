/** What the plane makes of a folder that is not as it ought to be; SoftHSM's part in it is played by hand. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { silentLogger } from "#kernel/log.ts";
import { clusterKey, objectKey, type Change, type ClusterRecord, type ObjectRecord } from "../vault/records.ts";
import { Commits } from "./commits.ts";
import { TokenFolders, tokenFolderOf } from "./tokenFolders.ts";

const cluster: ClusterRecord = {
  kind: "cluster",
  activated: true,
  officersKey: "",
  quorum: { user: 0, quorum: 0 },
  tokens: {},
};
const object = (id: string, file?: string): ObjectRecord => ({
  kind: "object",
  id,
  owner: "alice",
  grants: {},
  sealed: "",
  ...(file === undefined ? {} : { file }),
});

describe("token folders", () => {
  let root: string;
  let folders: TokenFolders;
  let commits: Commits;
  let failed: string[];
  /** None of the HSMs' journals can be written. */
  let isFull: boolean;

  const tokensOf = (hsm: string): string => {
    const own = tokenFolderOf(root, hsm);
    return join(
      own,
      readdirSync(own).find((name) => name.startsWith("tokens-"))!,
    );
  };
  const write = (hsm: string, name: string, content = name): void =>
    writeFileSync(join(tokensOf(hsm), "t", `${name}.object`), content);
  const namesOf = (hsm: string): string[] =>
    readdirSync(join(tokensOf(hsm), "t"))
      .filter((name) => name.endsWith(".object"))
      .sort();
  const remove = (hsm: string, name: string): void => rmSync(join(tokensOf(hsm), "t", `${name}.object`));
  const commit = async (hsm: string, changes: Change[]): Promise<void> => {
    const completed = await folders.completed(hsm, changes);
    try {
      await commits.commit(completed);
    } finally {
      await folders.drop(hsm, completed);
    }
  };
  const keep = (hsm: string, id: string, file: string): Promise<void> =>
    commit(hsm, [{ key: objectKey(id), base: 0, record: object(id, file) }]);
  const made = async (hsm: string, name: string): Promise<string> => {
    write(hsm, name);
    return (await folders.look(hsm, "made"))!;
  };
  const both = (names: readonly string[]): void => {
    for (const hsm of ["one", "two"]) assert.deepEqual(namesOf(hsm), [...names, "token.object"], hsm);
  };

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "jikimi-tokens-"));
    failed = [];
    isFull = false;
    commits = new Commits({
      write: async () => {
        if (isFull) throw new Error("the disk is full");
      },
      apply: (entries) => folders.apply(entries, (hsmId) => failed.push(hsmId)),
    });
    const settings = (tokens: string): string => `tokens in ${tokens}`;
    folders = new TokenFolders({ folder: root, settings, commits, log: silentLogger });
    for (const hsm of ["one", "two"]) await folders.begin(hsm);
    mkdirSync(join(tokensOf("one"), "t"));
    write("one", "token");
    await commit("one", [{ key: clusterKey, base: 0, record: cluster }]);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it("have the token and a key in both when they are acknowledged, and neither after it is destroyed", async () => {
    both([]);
    writeFileSync(join(tokensOf("two"), "t", "generation"), Buffer.from("00000000000000ff", "hex"));
    await keep("one", "1", await made("one", "a"));
    both(["a.object"]);
    assert.equal(readFileSync(join(tokensOf("two"), "t", "generation"), "hex"), "00000000000100ff");
    await commit("two", [{ key: objectKey("1"), base: 1, record: undefined }]);
    both([]);
    assert.equal(readFileSync(join(tokensOf("two"), "t", "generation"), "hex"), "00000000000200ff");
  });

  it("know whose a new file is, or say that they do not", async () => {
    await assert.rejects(folders.look("one", "made"), /0 files/);
    write("one", "a");
    write("one", "b");
    await assert.rejects(folders.look("one", "made"), /2 files/);
    await folders.begin("one");
    both([]);
  });

  it("keep no file that was not made, and change none", async () => {
    const file = await made("one", "a");
    const wrong: [hsm: string, file: string][] = [
      ["two", file],
      ["one", "t/token.object"],
      ["one", "../journal"],
    ];
    for (const [hsm, path] of wrong) await assert.rejects(keep(hsm, "1", path), { kind: "failed" });
    await keep("one", "1", file);
    const other = await made("one", "b");
    for (const record of [object("1", other), object("1")])
      await assert.rejects(commit("one", [{ key: objectKey("1"), base: 1, record }]), { kind: "failed" });
    await commit("one", [{ key: objectKey("1"), base: 1, record: { ...object("1", file), sealed: "other" } }]);
  });

  it("are rid of what a call left that failed, and of a key that could not be kept", async () => {
    write("one", "half");
    await folders.look("one", "failed");
    both([]);
    const file = await made("one", "a");
    isFull = true;
    await assert.rejects(keep("one", "1", file), /the disk is full/);
    both([]);
  });

  it("take a key of which no file is known to be destroyed where one is gone, and not where several are", async () => {
    mkdirSync(join(root, ".token", "tokens", "t"), { recursive: true });
    for (const name of ["a", "b", "c"]) writeFileSync(join(root, ".token", "tokens", "t", `${name}.object`), name);
    await folders.takeShared();
    for (const hsm of ["one", "two"]) await folders.begin(hsm);
    both(["a.object", "b.object", "c.object"]);
    remove("one", "a");
    await folders.look("one", "destroyed");
    both(["b.object", "c.object"]);
    await keep("two", "1", await made("two", "d"));
    remove("one", "d");
    await assert.rejects(folders.look("one", "destroyed"), /1 files/);
    await folders.begin("one");
    await commit("one", [{ key: objectKey("1"), base: 1, record: undefined }]);
    remove("one", "b");
    remove("one", "c");
    await assert.rejects(folders.look("one", "destroyed"), /2 files/);
    await assert.rejects(folders.look("one", "missing"), /2 files/);
    await folders.begin("one");
    both(["b.object", "c.object"]);
    // Taken again, as after a kill before the shared folder was removed.
    await folders.takeShared();
    await folders.begin("one");
    both(["b.object", "c.object"]);
  });

  it("have no file whose key did not get into a journal", async () => {
    const file = await made("one", "a");
    const [first] = await folders.completed("one", [{ key: objectKey("1"), base: 0, record: object("1", file) }]);
    assert.equal(first!.record?.kind, "file");
    commits.remember({ key: first!.key, version: 1, record: first!.record });
    for (const hsm of ["one", "two"]) await folders.begin(hsm);
    both([]);
  });

  it("are not written to by a process of before", async () => {
    const before = tokensOf("one");
    await folders.begin("one");
    assert.throws(() => writeFileSync(join(before, "t", "late.object"), ""), { code: "ENOENT" });
    assert.ok(readFileSync(join(tokenFolderOf(root, "one"), "softhsm2.conf"), "utf8").includes(tokensOf("one")));
  });

  it("end the HSM whose folder cannot be written, and keep the key at the others", async () => {
    const file = await made("one", "a");
    renameSync(join(tokensOf("two"), "t"), join(root, "elsewhere"));
    writeFileSync(join(tokensOf("two"), "t"), "in the way");
    await keep("one", "1", file);
    assert.deepEqual(failed, ["two"]);
    await folders.begin("two");
    both(["a.object"]);
  });
});
