/**
 * Events of eventSource signin.amazonaws.com.
 * Source: CloudTrail User Guide, "AWS Management Console sign-in events" (ConsoleLogin, CheckMfa);
 * recorded from AWS: SwitchRole in the account of the role, beside AssumeRole with a shared event id; failures for
 * user names that an account does not have, whose name might be a password and is not written down.
 */
import { isoSeconds } from "#kernel/clock.ts";
import { auditStream, userIdentity, type AuditRecord } from "#gateway/auditRecord.ts";
import type { CallSource } from "#gateway/runtime.ts";
import type { Operation } from "#store/contract.ts";
import type { Member, Named } from "./contract.ts";

interface Event {
  name: string;
  account: string;
  /** Root signs in at us-east-1; whoever else at the Region the console was opened in. */
  region: string;
  identity: Record<string, unknown>;
  responseElements: Record<string, unknown>;
  additionalEventData?: Record<string, unknown>;
  errorMessage?: string;
}

export interface RecordFacts {
  now: number;
  eventId: string;
  source: CallSource;
  region: string;
  /** Where the console is. */
  loginTo: string;
}

const rootRegion = "us-east-1";
const userAgentLimit = 1024;

function record(facts: RecordFacts, event: Event): Operation {
  const { source } = facts;
  const entry: AuditRecord = {
    eventVersion: "1.08",
    userIdentity: event.identity,
    eventTime: isoSeconds(facts.now),
    eventSource: "signin.amazonaws.com",
    eventName: event.name,
    awsRegion: event.region,
    sourceIPAddress: source.ip,
    userAgent: source.userAgent.slice(0, userAgentLimit),
    ...(event.errorMessage === undefined ? {} : { errorMessage: event.errorMessage }),
    requestParameters: null,
    responseElements: event.responseElements,
    ...(event.additionalEventData === undefined ? {} : { additionalEventData: event.additionalEventData }),
    eventID: facts.eventId,
    readOnly: false,
    eventType: "AwsConsoleSignIn",
    managementEvent: true,
    recipientAccountId: event.account,
    eventCategory: "Management",
    ...(source.tls
      ? {
          tlsDetails: {
            tlsVersion: source.tls.protocol,
            cipherSuite: source.tls.cipher,
            clientProvidedHostHeader: source.host.slice(0, userAgentLimit),
          },
        }
      : {}),
  };
  return { op: "append", stream: auditStream, key: event.account, id: entry.eventID, event: entry };
}

const regionOf = (facts: RecordFacts, kind: string) => (kind === "root" ? rootRegion : facts.region);

/** Without the session: it is what the event brings about. */
function identityOf(principal: Member): Record<string, unknown> {
  const { accessKeyId: _key, ...bare } = principal;
  const identity = userIdentity(bare as Member);
  if (principal.kind === "root") return { ...identity, accessKeyId: "" };
  return identity;
}

export function consoleLogin(facts: RecordFacts, principal: Member, mfaSerial: string | undefined): Operation {
  return record(facts, {
    name: "ConsoleLogin",
    account: principal.account,
    region: regionOf(facts, principal.kind),
    identity: identityOf(principal),
    responseElements: { ConsoleLogin: "Success" },
    additionalEventData: {
      LoginTo: facts.loginTo,
      MobileVersion: "No",
      ...(mfaSerial === undefined ? {} : { MFAIdentifier: mfaSerial }),
      MFAUsed: mfaSerial === undefined ? "No" : "Yes",
    },
  });
}

export function failedLogin(facts: RecordFacts, named: Named, mfaUsed: boolean): Operation {
  const unknown = named.id === undefined && named.kind === "user";
  return record(facts, {
    name: "ConsoleLogin",
    account: named.account,
    region: regionOf(facts, named.kind),
    identity: attemptedIdentity(named),
    errorMessage: unknown ? "No username found in supplied account" : "Failed authentication",
    responseElements: { ConsoleLogin: "Failure" },
    additionalEventData: { LoginTo: facts.loginTo, MobileVersion: "No", MFAUsed: mfaUsed ? "Yes" : "No" },
  });
}

/** The password was right and a code is asked for. */
export function checkMfa(facts: RecordFacts, named: Named): Operation {
  return record(facts, {
    name: "CheckMfa",
    account: named.account,
    region: regionOf(facts, named.kind),
    identity: attemptedIdentity(named),
    responseElements: { CheckMfa: "Success" },
    additionalEventData: { MfaType: "Virtual MFA" },
  });
}

function attemptedIdentity({ account, kind, id, userName }: Named): Record<string, unknown> {
  if (kind === "root") {
    return {
      type: "Root",
      principalId: account,
      arn: `arn:aws:iam::${account}:root`,
      accountId: account,
      accessKeyId: "",
    };
  }
  return {
    type: "IAMUser",
    ...(id === undefined ? {} : { principalId: id }),
    accountId: account,
    accessKeyId: "",
    userName: userName ?? "HIDDEN_DUE_TO_SECURITY_REASONS",
  };
}

export function switchedRole(facts: RecordFacts, role: Member, from: Member): Operation {
  const { type, principalId, arn, accountId } = userIdentity(role);
  return record(facts, {
    name: "SwitchRole",
    account: role.account,
    region: facts.region,
    identity: { type, principalId, arn, accountId },
    responseElements: { SwitchRole: "Success" },
    additionalEventData: { SwitchFrom: from.arn, RedirectTo: facts.loginTo },
  });
}

export function gaveSignInToken(facts: RecordFacts, principal: Member): Operation {
  return record(facts, {
    name: "GetSigninToken",
    account: principal.account,
    region: facts.region,
    identity: identityOf(principal),
    responseElements: { GetSigninToken: "Success" },
    additionalEventData: { MobileVersion: "No", MFAUsed: "No" },
  });
}
