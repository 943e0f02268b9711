import assert from "node:assert/strict";
import { test } from "node:test";
import { account, asRole, asRoot, asUser, IamTest } from "./testing.ts";
import { base32, timeStep, totpCode } from "./totp.ts";

const password = "Correct-Horse-1";

test("an access key shows its secret once, is listed, switched off, and deleted", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "alice" });
  const { AccessKey } = await iam.call("CreateAccessKey", { UserName: "alice" });
  assert.match(AccessKey.AccessKeyId, /^AKIA[A-Z2-7]{16}$/);
  assert.match(AccessKey.SecretAccessKey, /^[A-Za-z0-9+/]{40}$/);
  assert.ok(
    ![...(iam.store as never as { rows: Map<string, { value: string }> }).rows.values()].some((row) =>
      row.value.includes(AccessKey.SecretAccessKey),
    ),
  );
  await iam.call("UpdateAccessKey", { UserName: "alice", AccessKeyId: AccessKey.AccessKeyId, Status: "Inactive" });
  const [listed] = (await iam.call("ListAccessKeys", { UserName: "alice" })).AccessKeyMetadata;
  assert.deepEqual([listed.Status, listed.SecretAccessKey], ["Inactive", undefined]);
  await iam.call("DeleteAccessKey", { UserName: "alice", AccessKeyId: AccessKey.AccessKeyId });
  await iam.refused(
    "UpdateAccessKey",
    { UserName: "alice", AccessKeyId: AccessKey.AccessKeyId, Status: "Active" },
    "NoSuchEntity",
    `The Access Key with id ${AccessKey.AccessKeyId} cannot be found.`,
  );
});

test("two access keys per user, also when asked for at once", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "alice" });
  const create = () => iam.call("CreateAccessKey", { UserName: "alice" });
  const results = await Promise.allSettled([create(), create(), create()]);
  assert.equal(results.filter((result) => result.status === "fulfilled").length, 2);
  await iam.refused(
    "CreateAccessKey",
    { UserName: "alice" },
    "LimitExceeded",
    "Cannot exceed quota for AccessKeysPerUser: 2",
  );
});

test("without a user name, keys are the caller's own; a role has none; root has its own", async () => {
  const iam = new IamTest();
  const { User } = await iam.call("CreateUser", { UserName: "alice" });
  const own = await iam.call("CreateAccessKey", {}, asUser("alice", User.UserId));
  assert.equal(own.AccessKey.UserName, "alice");
  await iam.refused(
    "CreateAccessKey",
    {},
    "ValidationError",
    "Must specify userName when calling with non-User credentials",
    asRole,
  );
  const root = await iam.call("CreateAccessKey", {}, asRoot);
  assert.equal(root.AccessKey.UserName, undefined);
  assert.equal((await iam.call("GetAccountSummary")).SummaryMap.AccountAccessKeysPresent, 1);
  // One user's key cannot be deleted in the name of another.
  await iam.call("CreateUser", { UserName: "bob" });
  await iam.refused("DeleteAccessKey", { UserName: "bob", AccessKeyId: own.AccessKey.AccessKeyId }, "NoSuchEntity");
});

test("GetAccessKeyLastUsed does not tell an unknown key from a foreign one", async () => {
  const iam = new IamTest();
  await iam.refused(
    "GetAccessKeyLastUsed",
    { AccessKeyId: "AKIAIOSFODNN7EXAMPLE" },
    "AccessDenied",
    `User: arn:aws:iam::${account}:user/admin is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key AKIAIOSFODNN7EXAMPLE`,
  );
  await iam.call("CreateUser", { UserName: "alice" });
  const { AccessKey } = await iam.call("CreateAccessKey", { UserName: "alice" });
  const unused = await iam.call("GetAccessKeyLastUsed", { AccessKeyId: AccessKey.AccessKeyId });
  assert.deepEqual(unused, { UserName: "alice", AccessKeyLastUsed: { ServiceName: "N/A", Region: "N/A" } });
});

test("a login profile is made once, and its password changed by its owner who knows the old one", async () => {
  const iam = new IamTest();
  const { User } = await iam.call("CreateUser", { UserName: "alice" });
  const alice = asUser("alice", User.UserId);
  await iam.call("CreateLoginProfile", { UserName: "alice", Password: password, PasswordResetRequired: true });
  await iam.refused(
    "CreateLoginProfile",
    { UserName: "alice", Password: password },
    "EntityAlreadyExists",
    "Login Profile for user alice already exists.",
  );
  await iam.refused(
    "ChangePassword",
    { OldPassword: "wrong", NewPassword: "Another-1-x" },
    "AccessDenied",
    undefined,
    alice,
  );
  await iam.call("ChangePassword", { OldPassword: password, NewPassword: "Another-1-x" }, alice);
  assert.equal((await iam.call("GetLoginProfile", { UserName: "alice" })).LoginProfile.PasswordResetRequired, false);
  await iam.refused("ChangePassword", { OldPassword: "a", NewPassword: "b" }, "InvalidUserType", undefined, asRoot);
  await iam.call("DeleteLoginProfile", { UserName: "alice" });
  await iam.refused(
    "GetLoginProfile",
    { UserName: "alice" },
    "NoSuchEntity",
    "Login Profile for User alice cannot be found.",
  );
});

const weak: [policy: Record<string, unknown>, password: string, message: string][] = [
  [{ MinimumPasswordLength: 14 }, "Short-1", "Password should have a minimum length of 14"],
  [{ RequireUppercaseCharacters: true }, "lowercase-1", "Password should have at least one uppercase letter"],
  [{ RequireLowercaseCharacters: true }, "UPPERCASE-1", "Password should have at least one lowercase letter"],
  [{ RequireNumbers: true }, "No-Number", "Password should have at least one number"],
  [{ RequireSymbols: true }, "NoSymbol1", "Password should have at least one symbol"],
];

for (const [policy, candidate, message] of weak) {
  test(`password policy ${Object.keys(policy)[0]} refuses ${candidate}`, async () => {
    const iam = new IamTest();
    await iam.call("CreateUser", { UserName: "alice" });
    await iam.call("UpdateAccountPasswordPolicy", policy);
    await iam.refused(
      "CreateLoginProfile",
      { UserName: "alice", Password: candidate },
      "PasswordPolicyViolation",
      message,
    );
  });
}

test("the default policy wants eight characters of three kinds", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "alice" });
  for (const candidate of ["Ab1-", "onlylowercase", "lower-case"]) {
    await iam.refused("CreateLoginProfile", { UserName: "alice", Password: candidate }, "PasswordPolicyViolation");
  }
});

test("passwords used before are refused as far back as the policy says", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "alice" });
  await iam.call("UpdateAccountPasswordPolicy", { PasswordReusePrevention: 2 });
  await iam.call("CreateLoginProfile", { UserName: "alice", Password: "Number-One-1" });
  await iam.call("UpdateLoginProfile", { UserName: "alice", Password: "Number-Two-2" });
  await iam.refused("UpdateLoginProfile", { UserName: "alice", Password: "Number-One-1" }, "PasswordPolicyViolation");
  await iam.call("UpdateLoginProfile", { UserName: "alice", Password: "Number-Three-3" });
  await iam.call("UpdateLoginProfile", { UserName: "alice", Password: "Number-One-1" });
});

test("the password policy: defaults, bounds, absence", async () => {
  const iam = new IamTest();
  await iam.refused(
    "GetAccountPasswordPolicy",
    {},
    "NoSuchEntity",
    `The Password Policy with domain name ${account} cannot be found.`,
  );
  await iam.refused(
    "DeleteAccountPasswordPolicy",
    {},
    "NoSuchEntity",
    "The account policy with name PasswordPolicy cannot be found.",
  );
  await iam.call("UpdateAccountPasswordPolicy");
  assert.deepEqual((await iam.call("GetAccountPasswordPolicy")).PasswordPolicy, {
    MinimumPasswordLength: 6,
    RequireSymbols: false,
    RequireNumbers: false,
    RequireUppercaseCharacters: false,
    RequireLowercaseCharacters: false,
    AllowUsersToChangePassword: false,
    ExpirePasswords: false,
  });
  await iam.refused(
    "UpdateAccountPasswordPolicy",
    { MinimumPasswordLength: 129, PasswordReusePrevention: 25, MaxPasswordAge: 1096 },
    "ValidationError",
    "3 validation errors detected: Value at 'minimumPasswordLength' failed to satisfy constraint: Member must have value less than or equal to 128; Value at 'passwordReusePrevention' failed to satisfy constraint: Member must have value less than or equal to 24; Value at 'maxPasswordAge' failed to satisfy constraint: Member must have value less than or equal to 1095",
  );
});

function decode32(text: string): Buffer {
  const bits = [...text].map((character) =>
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(character).toString(2).padStart(5, "0"),
  );
  return Buffer.from((bits.join("").match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

async function device(iam: IamTest, name = "phone") {
  const { VirtualMFADevice } = await iam.call("CreateVirtualMFADevice", { VirtualMFADeviceName: name });
  const seed = decode32(Buffer.from(VirtualMFADevice.Base32StringSeed).toString());
  assert.equal(base32(seed), Buffer.from(VirtualMFADevice.Base32StringSeed).toString());
  assert.equal(Buffer.from(VirtualMFADevice.QRCodePNG).subarray(1, 4).toString(), "PNG");
  const code = (offset: number) => totpCode(seed, timeStep(iam.clock.now()) + offset);
  return { SerialNumber: VirtualMFADevice.SerialNumber as string, code };
}

test("a virtual MFA device is enabled by two consecutive codes and shown with its user", async () => {
  const iam = new IamTest();
  await iam.call("CreateUser", { UserName: "alice" });
  const { SerialNumber, code } = await device(iam);
  assert.equal(SerialNumber, `arn:aws:iam::${account}:mfa/phone`);
  await iam.refused(
    "CreateVirtualMFADevice",
    { VirtualMFADeviceName: "phone" },
    "EntityAlreadyExists",
    "MFA device already exists.",
  );
  const enable = (first: string, second: string) => ({
    UserName: "alice",
    SerialNumber,
    AuthenticationCode1: first,
    AuthenticationCode2: second,
  });
  const error = await iam.refused("EnableMFADevice", enable(code(0), code(2)), "InvalidAuthenticationCode");
  assert.equal(error.status, 403);
  await iam.call("EnableMFADevice", enable(code(-1), code(0)));
  await iam.refused(
    "EnableMFADevice",
    enable(code(-1), code(0)),
    "EntityAlreadyExists",
    "MFA Device is already in use.",
  );
  assert.equal((await iam.call("ListMFADevices", { UserName: "alice" })).MFADevices[0].SerialNumber, SerialNumber);
  const assigned = await iam.call("ListVirtualMFADevices", { AssignmentStatus: "Assigned" });
  assert.equal(assigned.VirtualMFADevices[0].User.UserName, "alice");
  await iam.refused("DeleteVirtualMFADevice", { SerialNumber }, "DeleteConflict");
  await iam.refused(
    "DeleteUser",
    { UserName: "alice" },
    "DeleteConflict",
    "Cannot delete entity, must delete MFA device first.",
  );

  // Codes that were used once do not resynchronize a second time.
  await iam.refused("ResyncMFADevice", enable(code(-1), code(0)), "InvalidAuthenticationCode");
  iam.clock.advance(600_000);
  await iam.call("ResyncMFADevice", enable(code(-1), code(0)));

  await iam.call("DeactivateMFADevice", { UserName: "alice", SerialNumber });
  assert.deepEqual((await iam.call("ListVirtualMFADevices")).VirtualMFADevices, []);
  await iam.refused(
    "EnableMFADevice",
    enable(code(1), code(2)),
    "NoSuchEntity",
    `MFA Device with serial number ${SerialNumber} does not exist.`,
  );
  await iam.call("DeleteVirtualMFADevice", { SerialNumber });
  await iam.refused("DeleteVirtualMFADevice", { SerialNumber }, "NoSuchEntity");
});

test("root enables a device of its own; the summary shows it", async () => {
  const iam = new IamTest();
  const { SerialNumber, code } = await device(iam, "root-phone");
  await iam.call(
    "EnableMFADevice",
    { UserName: account, SerialNumber, AuthenticationCode1: code(-1), AuthenticationCode2: code(0) },
    asRoot,
  );
  assert.equal((await iam.call("GetAccountSummary")).SummaryMap.AccountMFAEnabled, 1);
  assert.equal((await iam.call("ListMFADevices", {}, asRoot)).MFADevices.length, 1);
});
