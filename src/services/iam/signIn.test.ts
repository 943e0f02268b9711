import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { systemRandom } from "#kernel/ids.ts";
import { MemoryStore } from "#gateway/testing.ts";
import { globalRegion } from "#store/contract.ts";
import { createAccount } from "./bootstrap.ts";
import { verifyTotp } from "./mfa.ts";
import { checkPassword, requestRootLink, setRootPassword, type SignInRequest } from "./signIn.ts";
import { account, asRoot, bindingKeys, IamTest } from "./testing.ts";
import { timeStep, totpCode } from "./totp.ts";

const password = "Correct-Horse-1";
const email = "root@example.com";

async function installed() {
  const clock = new ManualClock();
  const store = new MemoryStore(() => clock.now());
  const services = { store, keys: bindingKeys, clock, random: systemRandom };
  const created = await createAccount({ ...services, account, email, name: "example" });
  const iam = new IamTest({ store, clock });
  const signIn = (request: Partial<SignInRequest> & { password: string }) =>
    checkPassword(services, { kind: "user", account, userName: "alice", ...request } as SignInRequest);
  return { services, clock, store, created, iam, signIn };
}

async function withAlice() {
  const setup = await installed();
  await setup.iam.call("CreateUser", { UserName: "alice" });
  await setup.iam.call("CreateLoginProfile", { UserName: "alice", Password: password });
  return setup;
}

/** Enables a device and gives its codes. */
async function enrol(iam: IamTest, UserName: string, options = {}) {
  const seed = systemRandom.bytes(40);
  const random = { ...systemRandom, bytes: () => seed };
  const SerialNumber = `arn:aws:iam::${account}:mfa/${UserName}`;
  const context = iam.context("CreateVirtualMFADevice");
  const { mfaDevices } = await import("./operations/mfaDevices.ts");
  await mfaDevices.CreateVirtualMFADevice({ VirtualMFADeviceName: UserName }, { ...context, random });
  await iam.store.commit((context.state as unknown as { operations: [] }).operations);
  const code = (offset: number) => totpCode(seed, timeStep(iam.clock.now()) + offset);
  await iam.call(
    "EnableMFADevice",
    { UserName, SerialNumber, AuthenticationCode1: code(-1), AuthenticationCode2: code(0) },
    options,
  );
  return { SerialNumber, code };
}

test("a user signs in with account id or alias, and every wrong part is refused alike", async () => {
  const { iam, signIn } = await withAlice();
  const done = await signIn({ password });
  assert.deepEqual(
    [done.outcome, "arn" in done && done.arn, "mfaAuthenticated" in done && done.mfaAuthenticated],
    ["signedIn", `arn:aws:iam::${account}:user/alice`, false],
  );
  await iam.call("CreateAccountAlias", { AccountAlias: "example-corp" });
  assert.equal((await signIn({ account: "example-corp", password })).outcome, "signedIn");
  const id = (await iam.call("GetUser", { UserName: "alice" })).User.UserId as string;
  assert.deepEqual(await signIn({ password: "wrong" }), {
    outcome: "refused",
    attempted: { account, kind: "user", id, userName: "alice" },
  });
  assert.deepEqual(await signIn({ userName: "nobody", password }), {
    outcome: "refused",
    attempted: { account, kind: "user" },
  });
  assert.deepEqual(await signIn({ account: "999999999999", password }), { outcome: "refused" });
  assert.ok((await iam.call("GetUser", { UserName: "alice" })).User.PasswordLastUsed instanceof Date);
});

test("nobody signs in to a closed account", async () => {
  const { store, signIn } = await withAlice();
  const key = { account, region: globalRegion, service: "iam", type: "account", id: "account" };
  const document = await store.get<object>(key);
  await store.commit([{ op: "put", key, value: { ...document!.value, status: "SUSPENDED" } }]);
  assert.equal((await signIn({ password })).outcome, "refused");
});

test("guessing slows down, for names that exist and names that do not, and waits end", async () => {
  const { signIn, clock } = await withAlice();
  for (const userName of ["alice", "nobody"]) {
    const outcomes: string[] = [];
    for (let i = 0; i < 6; i++) outcomes.push((await signIn({ userName, password: `wrong ${i}` })).outcome);
    assert.deepEqual(outcomes, ["refused", "refused", "refused", "refused", "refused", "throttled"]);
  }
  assert.equal((await signIn({ password })).outcome, "throttled");
  clock.advance(1001);
  assert.equal((await signIn({ password })).outcome, "signedIn");
  // Success starts the count anew.
  assert.equal((await signIn({ password: "wrong" })).outcome, "refused");
  assert.equal((await signIn({ password })).outcome, "signedIn");
});

test("parallel guesses are counted like serial ones", async () => {
  const { signIn } = await withAlice();
  const outcomes = await Promise.all(Array.from({ length: 8 }, (_, i) => signIn({ password: `wrong ${i}` })));
  assert.equal(outcomes.filter((each) => each.outcome === "refused").length, 5);
  assert.equal(outcomes.filter((each) => each.outcome === "throttled").length, 3);
});

test("with MFA: the code is asked for, checked, and good for one sign-in", async () => {
  const { iam, signIn, clock } = await withAlice();
  const { SerialNumber, code } = await enrol(iam, "alice");
  clock.advance(60_000);
  assert.equal((await signIn({ password })).outcome, "mfaRequired");
  assert.equal((await signIn({ password, mfaCode: "000000" })).outcome, "refused");
  const mfaCode = code(0);
  const first = await signIn({ password, mfaCode });
  assert.deepEqual([first.outcome, "mfaAuthenticated" in first && first.mfaAuthenticated], ["signedIn", true]);
  assert.equal("mfaSerial" in first && first.mfaSerial, SerialNumber);
  assert.equal((await signIn({ password, mfaCode })).outcome, "refused");
});

test("verifyTotp: of two concurrent uses of one code exactly one is accepted; another owner's never", async () => {
  const { iam, services, clock } = await withAlice();
  const { SerialNumber, code } = await enrol(iam, "alice");
  clock.advance(60_000);
  const owner = (await iam.call("GetUser", { UserName: "alice" })).User.UserId as string;
  const check = { ...services, account, owner, serial: SerialNumber, code: code(0), now: clock.now() };
  assert.equal(await verifyTotp({ ...check, owner: "AIDAQ3EGUAABCDEFGHIJK" }), false);
  const results = await Promise.all([verifyTotp(check), verifyTotp(check)]);
  assert.deepEqual(results.sort(), [false, true]);
  assert.equal(await verifyTotp({ ...check, code: "12345" }), false);
});

test("knowing the password buys no endless guesses at the code, neither here nor through STS", async () => {
  const { iam, signIn, services, clock } = await withAlice();
  const { SerialNumber, code } = await enrol(iam, "alice");
  clock.advance(60_000);
  const wrong = code(5);
  const outcomes: string[] = [];
  for (let i = 0; i < 4; i++) {
    outcomes.push((await signIn({ password })).outcome, (await signIn({ password, mfaCode: wrong })).outcome);
  }
  assert.equal(outcomes.at(-1), "throttled");
  const owner = (await iam.call("GetUser", { UserName: "alice" })).User.UserId as string;
  const check = () => ({ ...services, account, owner, serial: SerialNumber, now: clock.now() });
  for (let i = 0; i < 5; i++) assert.equal(await verifyTotp({ ...check(), code: wrong }), false);
  assert.equal(await verifyTotp({ ...check(), code: code(0) }), false);
  clock.advance(30_000);
  assert.equal(await verifyTotp({ ...check(), code: code(0) }), true);
});

test("expired passwords: soft expiry asks for a new one, hard expiry locks out", async () => {
  const { iam, signIn, clock } = await withAlice();
  await iam.call("UpdateAccountPasswordPolicy", { MaxPasswordAge: 30 });
  clock.advance(31 * 86_400_000);
  const soft = await signIn({ password });
  assert.equal("mustChangePassword" in soft && soft.mustChangePassword, true);
  await iam.call("UpdateAccountPasswordPolicy", { MaxPasswordAge: 30, HardExpiry: true });
  assert.equal((await signIn({ password })).outcome, "passwordExpired");
});

test("root is locked until its link is used, once and in time", async () => {
  const { services, created, clock, signIn } = await installed();
  const asOwner = { kind: "root", email: email.toUpperCase(), password } as const;
  assert.equal((await checkPassword(services, asOwner)).outcome, "refused");
  const denied = (token: string) =>
    assert.rejects(
      setRootPassword(services, { account, password, proof: { token } }),
      (error: unknown) => error instanceof AwsError && error.code === "AccessDenied",
    );
  await denied("not the token");
  await assert.rejects(
    setRootPassword(services, { account, password: "weak", proof: { token: created.rootLink } }),
    /minimum length/,
  );
  await setRootPassword(services, { account, password, proof: { token: created.rootLink } });
  await denied(created.rootLink);
  const done = await checkPassword(services, asOwner);
  assert.deepEqual([done.outcome, "kind" in done && done.kind], ["signedIn", "root"]);

  const late = await requestRootLink(services, account);
  clock.advance(25 * 3_600_000);
  await denied(late);
  await setRootPassword(services, { account, password: "Another-Horse-2", proof: { currentPassword: password } });
  assert.equal((await checkPassword(services, { ...asOwner, password: "Another-Horse-2" })).outcome, "signedIn");
  assert.equal((await signIn({ password, userName: "root" })).outcome, "refused");
});

test("root with MFA needs its code", async () => {
  const { services, created, iam, clock } = await installed();
  await setRootPassword(services, { account, password, proof: { token: created.rootLink } });
  const { code } = await enrol(iam, account, asRoot);
  clock.advance(60_000);
  const asOwner = { kind: "root", email, password } as const;
  assert.equal((await checkPassword(services, asOwner)).outcome, "mfaRequired");
  const done = await checkPassword(services, { ...asOwner, mfaCode: code(0) });
  assert.equal("mfaAuthenticated" in done && done.mfaAuthenticated, true);
});

test("accounts: an id and an e-mail address exist once; a member account starts with a role", async () => {
  const { services, created } = await installed();
  assert.match(created.administrator?.accessKeyId ?? "", /^AKIA/);
  const taken = (error: unknown) => error instanceof AwsError && error.code === "EntityAlreadyExists";
  await assert.rejects(createAccount({ ...services, account, email: "x@example.com", name: "x" }), taken);
  await assert.rejects(createAccount({ ...services, account: "222233334444", email, name: "x" }), taken);
  const member = await createAccount({
    ...services,
    account: "222233334444",
    email: "member@example.com",
    name: "member",
    access: { kind: "role", roleName: "OrganizationAccountAccessRole", trustedAccount: account },
  });
  assert.equal(member.role?.arn, "arn:aws:iam::222233334444:role/OrganizationAccountAccessRole");
  assert.equal(member.administrator, undefined);
});
