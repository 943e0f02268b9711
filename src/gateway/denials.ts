/**
 * Why a call was refused, kept for thirty days under its request id for `jikimi why-denied`. Only the
 * installation's operator may read it: it quotes policies of other accounts.
 */
import { globalRegion, type DocumentKey, type Operation } from "#store/contract.ts";
import type { Denied } from "./authorize.ts";
import type { Call } from "./runtime.ts";

const retentionMs = 30 * 24 * 3600 * 1000;

export interface Denial {
  requestId: string;
  time: number;
  principal: string;
  account: string;
  action: string;
  resource: string;
  message: string;
  /** One line per considered policy statement, per language. */
  explanation: { en: string[]; ko: string[] };
}

export function denialKey(requestId: string): DocumentKey {
  return { account: "000000000000", region: globalRegion, service: "gateway", type: "denial", id: requestId };
}

export function denialOperation(call: Call, denied: Denied, now: number): Operation {
  const { principal } = call;
  const value: Denial = {
    requestId: call.requestId,
    time: now,
    principal: "arn" in principal ? principal.arn : principal.kind === "service" ? principal.service : "anonymous",
    account: call.account,
    action: denied.access.action,
    resource: denied.access.resource,
    message: denied.message,
    explanation: denied.explanation,
  };
  return { op: "put", key: denialKey(call.requestId), value, expiresAt: now + retentionMs };
}
