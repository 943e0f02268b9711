/**
 * `/_jikimi/console/api/*`: signing in to the console, for its pages; `/_jikimi/federation`: for identity brokers.
 * Everything else that a page does it does through the public APIs, with the credentials it is given here.
 *
 * INVARIANT: what has an effect is a POST, which `refuseForeignPages` keeps from pages of other origins.
 */
import { AwsError } from "#kernel/errors.ts";
import { execute } from "#gateway/execute.ts";
import type { CallSource, Runtime } from "#gateway/runtime.ts";
import type { HttpRequest } from "#wire/contract.ts";
import { endSession } from "../services/iam/endedSessions.ts";
import { accountNamed, checkPassword, signInPrincipal } from "../services/iam/signIn.ts";
import { changedSince, Federation, SignIn } from "../services/signin/index.ts";
import type { CallAs, Halves, PasswordRequest, SignInAnswer, Visitor } from "../services/signin/contract.ts";
import { noSession } from "../services/signin/sessions.ts";
import { issueSession } from "../services/sts/state.ts";
import { consolePath } from "./consoleFiles.ts";
import { Rendered, type Routes } from "./routes.ts";
import { securityHubActions } from "./securityHubActions.ts";

const api = `${consolePath}api`;
const federationPath = "/_jikimi/federation";

/** Only pages of this origin hold it; cookies reach every port of a host. */
const pageHeader = "x-jikimi-page";

export function consoleRoutes(runtime: Runtime): Routes {
  const { signIn, federation } = signInOf(runtime);
  const sendSecurityHubEvents = securityHubActions(runtime);
  const visitorOf = (request: HttpRequest) => visitor(runtime, request);
  return {
    /** What the sign-in page has to know. */
    [`GET ${api}/facts`]: () => ({
      region: runtime.config.defaultRegion,
      services: [...runtime.services.keys()],
    }),
    [`POST ${api}/sign-in`]: async (_query, body, request) =>
      answer(request, await signIn.signIn(passwordRequest(body), visitorOf(request))),
    [`POST ${api}/session`]: async (_query, _body, request) => signIn.refresh(halvesOf(request), visitorOf(request)),
    [`POST ${api}/sign-out`]: async (_query, _body, request) => {
      await signIn.signOut(halvesOf(request));
      return json({ outcome: "signedOut" }, { "set-cookie": cookie(request, "", 0) });
    },
    [`POST ${api}/change-password`]: async (_query, body, request) => {
      const [oldPassword, newPassword] = strings(body, "oldPassword", "newPassword");
      const halves = halvesOf(request);
      const passwords = { oldPassword: oldPassword!, newPassword: newPassword! };
      const { sessionExpiresAt, ...view } = await signIn.changePassword(halves, passwords, visitorOf(request));
      const seconds = secondsUntil(runtime, sessionExpiresAt);
      return json(view, { "set-cookie": cookie(request, halves.token, seconds) });
    },
    [`POST ${api}/switch-role`]: async (_query, body, request) => {
      const [account, roleName] = strings(body, "account", "roleName");
      const { displayName } = body;
      const wanted = {
        account: account!,
        roleName: roleName!,
        ...(typeof displayName === "string" ? { displayName } : {}),
      };
      return signIn.switchRole(halvesOf(request), wanted, visitorOf(request));
    },
    [`POST ${api}/exit-role`]: async (_query, _body, request) => signIn.exitRole(halvesOf(request), visitorOf(request)),
    /** Which of the services that a page shows have changed since; waits until one has, for a while. */
    [`POST ${api}/changes`]: async (_query, body, request) => {
      const { after, services } = body;
      if (!Array.isArray(services) || (after !== undefined && !Number.isSafeInteger(after))) {
        throw new AwsError("InvalidRequest", "services must be a list, after a whole number.", 400);
      }
      const account = await signIn.account(halvesOf(request));
      const wanted = new Set(services.map(String));
      const draining = runtime.draining ?? new AbortController().signal;
      return changedSince(runtime.store, account, wanted, after as number | undefined, draining);
    },
    [`POST ${api}/security-hub-events`]: async (_query, body, request) => {
      const visitor = visitorOf(request);
      return await sendSecurityHubEvents(body, await signIn.principal(halvesOf(request), visitor), visitor.source);
    },
    [`POST ${api}/federation`]: async (_query, body, request) => {
      const [token] = strings(body, "token");
      const { expiresAt, ...halves } = await federation.open(token!, visitorOf(request));
      const headers = { "set-cookie": cookie(request, halves.token, secondsUntil(runtime, expiresAt)) };
      return json(
        { outcome: "signedIn", page: halves.page, view: await signIn.refresh(halves, visitorOf(request)) },
        headers,
      );
    },
    [`GET ${federationPath}`]: (query, _body, request) => federate(query, federation, visitorOf(request)),
    [`POST ${federationPath}`]: (query, _body, request) => federate(query, federation, visitorOf(request)),
  };

  function answer(request: HttpRequest, result: SignInAnswer): Rendered {
    switch (result.outcome) {
      case "signedIn":
      case "changePassword": {
        const { token, expiresAt, ...shown } = result;
        return json(shown, { "set-cookie": cookie(request, token, secondsUntil(runtime, expiresAt)) });
      }
      case "mfaRequired":
        return json(result);
      case "refused":
        throw new AwsError(
          "AuthenticationFailed",
          "Your authentication information is incorrect. Please try again.",
          401,
        );
      case "passwordExpired":
        throw new AwsError("PasswordExpired", "Your password has expired. Contact your administrator.", 403);
      case "throttled": {
        const seconds = Math.ceil(result.retryAfterMs / 1000);
        const headers = { "retry-after": String(seconds) };
        throw new AwsError("TooManyAttempts", `Too many attempts. Try again in ${seconds} seconds.`, 429, { headers });
      }
    }
  }
}

function signInOf(runtime: Runtime): { signIn: SignIn; federation: Federation } {
  const { store, clock, random, keys, identity } = runtime;
  const services = { store, clock, random, keys };
  const parts = {
    store,
    clock,
    random,
    identity,
    checkPassword: (request: PasswordRequest) => checkPassword(services, request),
    owner: (account: string, id: string) => signInPrincipal(services, account, id),
    accountNamed: (idOrAlias: string) => accountNamed(services, idOrAlias),
    issue: ((state, principal, session) =>
      issueSession(
        { state, random, keys, once: (_name, work) => work() },
        principal,
        session,
        undefined,
      )) satisfies ConstructorParameters<typeof SignIn>[0]["issue"],
    end: endSession,
    call: callAs(runtime),
  };
  const signIn = new SignIn(parts);
  return { signIn, federation: new Federation(parts, signIn) };
}

function callAs(runtime: Runtime): CallAs {
  return (principal, source, service, operation, input) =>
    execute(runtime, {
      service: runtime.model(service),
      operation,
      input,
      principal,
      account: principal.account,
      region: runtime.config.defaultRegion,
      requestId: runtime.random.uuid(),
      source,
      signal: AbortSignal.timeout(callMs),
    });
}

/** Longest that a call of the sign-in may take. */
const callMs = 30_000;

function visitor(runtime: Runtime, request: HttpRequest): Visitor {
  const { headers } = request;
  const scheme = request.tls ? "https" : "http";
  const host = headers["host"] ?? "";
  const source: CallSource = {
    ip: request.remoteAddress,
    userAgent: headers["user-agent"] ?? "",
    host,
    scheme,
    headers: {},
    ...(request.tls ? { tls: request.tls } : {}),
    calledVia: [],
  };
  return { source, loginTo: `${scheme}://${host}${consolePath}`, region: runtime.config.defaultRegion };
}

async function federate(query: URLSearchParams, federation: Federation, visitor: Visitor): Promise<unknown> {
  const action = query.get("Action");
  if (action === "getSigninToken") {
    // Its credentials say how long a session lasts; a wish beyond them could not be met.
    if (query.has("SessionDuration")) {
      throw new AwsError("InvalidRequest", "SessionDuration is not supported: ask for it in AssumeRole.", 400);
    }
    return await federation.token(query.get("Session") ?? "", visitor);
  }
  if (action === "login") {
    const token = encodeURIComponent(query.get("SigninToken") ?? "");
    // In the fragment, which browsers keep out of requests, logs and Referer headers.
    return new Rendered("text/plain", "", { location: `${consolePath}#/federation/${token}` }, 302);
  }
  throw new AwsError("InvalidRequest", "Action must be getSigninToken or login.", 400);
}

function passwordRequest(body: Record<string, unknown>): PasswordRequest {
  const { kind, mfaCode } = body;
  const code = typeof mfaCode === "string" && mfaCode !== "" ? { mfaCode } : {};
  if (kind === "root") {
    const [email, password] = strings(body, "email", "password");
    return { kind, email: email!, password: password!, ...code };
  }
  if (kind !== "user") throw new AwsError("InvalidRequest", "kind must be user or root.", 400);
  const [account, userName, password] = strings(body, "account", "userName", "password");
  return { kind, account: account!, userName: userName!, password: password!, ...code };
}

/** Longest text of a form's field; longer than any name and password that AWS takes. */
const longestField = 2048;

function strings(body: Record<string, unknown>, ...names: string[]): string[] {
  return names.map((name) => {
    const value = body[name];
    if (typeof value === "string" && value.length <= longestField) return value;
    throw new AwsError("InvalidRequest", `${name} must be a string of at most ${longestField} characters.`, 400);
  });
}

function json(value: unknown, headers: Record<string, string> = {}): Rendered {
  return new Rendered("application/json", JSON.stringify(value), headers);
}

function secondsUntil(runtime: Runtime, at: number): number {
  return Math.max(0, Math.ceil((at - runtime.clock.now()) / 1000));
}

/** Cookies know no ports: installations on one host would take each other's. */
function cookieName(request: HttpRequest): string {
  const port = /:(\d+)$/.exec(request.headers["host"] ?? "")?.[1] ?? (request.tls ? "443" : "80");
  return `jikimi-console-${port}`;
}

/** Source: RFC 6265bis, sections 4.1.2 and 5.4 (SameSite). */
function cookie(request: HttpRequest, token: string, seconds: number): string {
  const secure = request.tls ? "; Secure" : "";
  return `${cookieName(request)}=${token}; Path=${api}; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}

/** @throws AwsError NoSession */
function halvesOf(request: HttpRequest): Halves {
  const name = `${cookieName(request)}=`;
  const cookies = (request.headers["cookie"] ?? "").split(/[;,] */);
  const token = cookies.find((each) => each.startsWith(name))?.slice(name.length);
  const page = request.headers[pageHeader];
  if (!token || !page || token.length > longestField || page.length > longestField) throw noSession();
  return { token, page };
}
