import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { AwsEnvironment } from "./awsEnvironment.ts";
import { profileFiles, setSection, writeProfile } from "./awsProfile.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "jikimi-profile-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const facts: AwsEnvironment = {
  endpoint: "http://127.0.0.1:4566",
  s3ControlEndpoint: "http://s3-control.localhost:4566",
  region: "ap-northeast-2",
  credentials: { accessKeyId: "AKIAEXAMPLE", secretAccessKey: "a/b+c" },
};

test("a new profile is whole, private, and written once", () => {
  const files = profileFiles({ HOME: home });
  assert.equal(writeProfile(files, "jikimi", facts), true);
  assert.match(
    readFileSync(files.config, "utf8"),
    /^\[profile jikimi\]\nregion = ap-northeast-2\nendpoint_url = http:\/\/127\.0\.0\.1:4566\ns3 =\n {2}addressing_style = path\nservices = jikimi\n/,
  );
  assert.equal(statSync(files.credentials).mode & 0o777, 0o600);
  assert.equal(writeProfile(files, "jikimi", facts), false);
  const changed = { ...facts, region: "us-west-2" };
  assert.equal(writeProfile(files, "jikimi", changed), true);
  assert.equal(readFileSync(files.config, "utf8").match(/\[profile jikimi\]/g)?.length, 1);
});

test("everything else in the files stays as it is", () => {
  const files = profileFiles({ HOME: home });
  writeProfile(files, "jikimi", facts);
  const before = "# mine\n[default]\nregion = eu-west-1\n\n; the other one\n[profile work]\nsso_session = x\n";
  const after = "\n[sso-session x]\nsso_region = us-east-1";
  const own = readFileSync(files.config, "utf8");
  writeFileSync(files.config, before + own + after);
  chmodSync(files.config, 0o644);
  writeProfile(files, "jikimi", { ...facts, region: "us-west-2" });
  const text = readFileSync(files.config, "utf8");
  assert.ok(text.startsWith(before), text);
  assert.ok(text.endsWith(after), text);
  assert.equal(text.replace("us-west-2", "ap-northeast-2"), before + own + after);
  assert.equal(statSync(files.config).mode & 0o777, 0o644);
});

test("AWS's own variables name the files, and links are kept", () => {
  const config = join(home, "elsewhere");
  writeFileSync(config, "");
  symlinkSync(config, join(home, "link"));
  const files = profileFiles({
    HOME: home,
    AWS_CONFIG_FILE: join(home, "link"),
    AWS_SHARED_CREDENTIALS_FILE: join(home, "c"),
  });
  writeProfile(files, "jikimi", facts);
  assert.match(readFileSync(config, "utf8"), /profile jikimi/);
  assert.ok(statSync(join(home, "link")).isFile() && existsSync(join(home, "c")));
  assert.equal(existsSync(join(home, ".aws")), false);
});

test("a section is replaced and no other, whatever surrounds it", () => {
  const cases: [before: string, after: string][] = [
    ["", "[x]\na = 1\n"],
    ["[y]\nb = 2", "[y]\nb = 2\n\n[x]\na = 1\n"],
    ["[x]\nold = 1\n[y]\nb = 2\n", "[x]\na = 1\n[y]\nb = 2\n"],
    ["[ x ]\nold = 1\n\n# of y\n[y]\n", "[x]\na = 1\n\n# of y\n[y]\n"],
    ["[xx]\nc = 3\n", "[xx]\nc = 3\n\n[x]\na = 1\n"],
  ];
  for (const [before, after] of cases) assert.equal(setSection(before, "x", ["a = 1"]), after);
});
