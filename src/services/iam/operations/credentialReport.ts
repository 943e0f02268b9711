/**
 * The credential report: one CSV row for root and for each user.
 * Source: IAM User Guide, "Generate credential reports for your AWS account": columns, values, four hours.
 */
import { AwsError } from "#kernel/errors.ts";
import type { CallContext } from "#gateway/context.ts";
import { passwordExpiry } from "../password.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState, type AccessKey, type IamState, type LastUsed } from "../state.ts";

const id = "report";
/** "You can generate a credential report as often as once every four hours." */
const freshFor = 4 * 3_600_000;

const columns = [
  "user",
  "arn",
  "user_creation_time",
  "password_enabled",
  "password_last_used",
  "password_last_changed",
  "password_next_rotation",
  "mfa_active",
  "access_key_1_active",
  "access_key_1_last_rotated",
  "access_key_1_last_used_date",
  "access_key_1_last_used_region",
  "access_key_1_last_used_service",
  "access_key_2_active",
  "access_key_2_last_rotated",
  "access_key_2_last_used_date",
  "access_key_2_last_used_region",
  "access_key_2_last_used_service",
  "cert_1_active",
  "cert_1_last_rotated",
  "cert_2_active",
  "cert_2_last_rotated",
];

const date = (ms: number) => new Date(ms).toISOString().replace(/\.\d{3}Z$/, "+00:00");
const truth = (is: boolean) => (is ? "true" : "false");

function keyColumns(key: AccessKey | undefined, use: LastUsed | undefined): string[] {
  if (!key) return ["false", "N/A", "N/A", "N/A", "N/A"];
  return [
    truth(key.status === "Active"),
    date(key.createdAt),
    use ? date(use.at) : "N/A",
    use?.region ?? "N/A",
    use?.service ?? "N/A",
  ];
}

/** Signing certificates are not offered here: no service of this installation takes them. */
const certificateColumns = ["false", "N/A", "false", "N/A"];

async function twoKeys(state: IamState, ids: readonly string[]): Promise<string[]> {
  const [keys, uses] = await Promise.all([
    state.getMany("accessKey", ids),
    state.getMany(
      "lastUsed",
      ids.map((key) => `key/${key}`),
    ),
  ]);
  return [...keyColumns(keys[0], uses[0]), ...keyColumns(keys[1], uses[1])];
}

async function rootRow(ctx: CallContext, state: IamState): Promise<string[]> {
  const [account, root, use] = await Promise.all([
    state.get("account", "account"),
    state.get("root", "root"),
    state.get("lastUsed", `password/${state.account}`),
  ]);
  return [
    "<root_account>",
    `arn:${ctx.partition}:iam::${state.account}:root`,
    date(account?.createdAt ?? ctx.now),
    "not_supported",
    use ? date(use.at) : "no_information",
    "not_supported",
    "not_supported",
    truth((root?.mfa.length ?? 0) > 0),
    ...(await twoKeys(state, root?.accessKeys ?? [])),
    ...certificateColumns,
  ];
}

async function buildReport(ctx: CallContext, state: IamState): Promise<string> {
  const rows = [columns, await rootRow(ctx, state)];
  const policy = await state.get("passwordPolicy", "policy");
  for (const { value: user } of await state.all("user")) {
    const [profile, use] = await Promise.all([
      state.get("loginProfile", user.id),
      state.get("lastUsed", `password/${user.id}`),
    ]);
    const expiry = profile ? passwordExpiry(profile.changedAt, policy) : undefined;
    rows.push([
      user.name,
      user.arn,
      date(user.createdAt),
      truth(profile !== undefined),
      profile ? (use ? date(use.at) : "no_information") : "N/A",
      profile ? date(profile.changedAt) : "N/A",
      expiry === undefined ? "N/A" : date(expiry),
      truth(user.mfa.length > 0),
      ...(await twoKeys(state, user.accessKeys)),
      ...certificateColumns,
    ]);
  }
  // Names hold no quotes and may hold commas; the rest never needs quoting.
  return rows.map((row) => row.map((cell) => (cell.includes(",") ? `"${cell}"` : cell)).join(",")).join("\n");
}

export const credentialReport = {
  async GenerateCredentialReport(_input, ctx) {
    const state = iamState(ctx);
    const last = await state.get("credentialReport", id);
    if (last && ctx.now - last.generatedAt < freshFor) return { State: "COMPLETE" };
    state.put("credentialReport", id, { generatedAt: ctx.now, content: await buildReport(ctx, state) });
    return { State: "STARTED", Description: "No report exists. Starting a new report generation task" };
  },

  async GetCredentialReport(_input, ctx) {
    const report = await iamState(ctx).get("credentialReport", id);
    if (!report) throw new AwsError("ReportNotPresent", "No report exists. Generate one first.", 410);
    if (ctx.now - report.generatedAt >= freshFor) {
      throw new AwsError("ReportExpired", "The most recent report has expired. Generate a new one.", 410);
    }
    return {
      Content: Buffer.from(report.content),
      ReportFormat: "text/csv",
      GeneratedTime: new Date(report.generatedAt),
    };
  },
} satisfies IamHandlers;
