/**
 * The account's password policy became weaker: it was deleted, or an update asks for less than the policy before. "This
 * finding can also be triggered by an attempt to update or delete your AWS account password policy": a refused call
 * counts. Severity is "Low, Medium, or High depending on the severity of the changes"; AWS does not publish the scale,
 * ours is by the number of aspects.
 * Sources: GuardDuty User Guide, Stealth:IAMUser/PasswordPolicyChange; IAM API Reference, UpdateAccountPasswordPolicy.
 */
import { callerOf, isByService, parameter, type CallRecord } from "../callRecord.ts";
import type { Detector, PasswordPolicy } from "../detection.ts";
import { severityOf } from "../findingTypes.ts";

/**
 * What holds in an account without a policy of its own. "Minimum password length of 8 characters … must include a
 * minimum of three of the following mix of character types". The mix is stronger than none and weaker than each of them.
 * Source: IAM User Guide, "Default password policy".
 */
export const defaultPasswordPolicy: PasswordPolicy = {
  minimumLength: 8,
  symbols: false,
  numbers: false,
  uppercase: false,
  lowercase: false,
  maximumAge: 0,
  reusePrevention: 0,
};

/** The policy that a successful call leaves; `undefined` when the call is about something else. */
export function passwordPolicyAfter(record: CallRecord): PasswordPolicy | undefined {
  if (record.eventSource !== "iam.amazonaws.com") return undefined;
  if (record.eventName === "DeleteAccountPasswordPolicy") return defaultPasswordPolicy;
  if (record.eventName !== "UpdateAccountPasswordPolicy") return undefined;
  const number = (name: string, otherwise: number) => {
    const value = parameter(record, name);
    return typeof value === "number" ? value : otherwise;
  };
  // "If you do not specify a value for this parameter, then the operation uses the default value."
  return {
    minimumLength: number("minimumPasswordLength", 6),
    symbols: parameter(record, "requireSymbols") === true,
    numbers: parameter(record, "requireNumbers") === true,
    uppercase: parameter(record, "requireUppercaseCharacters") === true,
    lowercase: parameter(record, "requireLowercaseCharacters") === true,
    maximumAge: number("maxPasswordAge", 0),
    reusePrevention: number("passwordReusePrevention", 0),
  };
}

/** In how many aspects `after` asks for less than `before`. */
export function weakenedAspects(before: PasswordPolicy, after: PasswordPolicy): number {
  const flags = ["symbols", "numbers", "uppercase", "lowercase"] as const;
  const age = (policy: PasswordPolicy) => (policy.maximumAge === 0 ? Number.POSITIVE_INFINITY : policy.maximumAge);
  return [
    after.minimumLength < before.minimumLength,
    ...flags.map((flag) => before[flag] && !after[flag]),
    age(after) > age(before),
    after.reusePrevention < before.reusePrevention,
  ].filter(Boolean).length;
}

export const passwordPolicyWeakened: Detector = (record, { passwordPolicy }) => {
  const after = passwordPolicyAfter(record);
  if (after === undefined || isByService(record)) return undefined;
  if (record.errorCode !== undefined && !/AccessDenied/.test(record.errorCode)) return undefined;
  const deleted = record.eventName === "DeleteAccountPasswordPolicy";
  const aspects = weakenedAspects(passwordPolicy, after);
  if (!deleted && aspects === 0) return undefined;
  const band = aspects <= 1 ? "Low" : aspects <= 3 ? "Medium" : "High";
  return {
    type: "Stealth:IAMUser/PasswordPolicyChange",
    severity: severityOf[band],
    title: `Account password policy was weakened by calling ${record.eventName}.`,
    description:
      `Account password policy was weakened by ${callerOf(record).userName} calling ${record.eventName} from IP address ${record.sourceIPAddress}. ` +
      "A weaker password policy permits passwords that are easier to guess.",
  };
};
