/**
 * Signing in to the console. Source: IAM User Guide, "How IAM users sign in to AWS", "Sign in as the root user",
 * "Switch from a user to an IAM role (console)"; CloudTrail User Guide for the events.
 */
import { AwsError } from "#kernel/errors.ts";
import type { SessionContext } from "#gateway/principal.ts";
import { UnitOfWork } from "#gateway/state.ts";
import { Conflict, globalRegion, type Document, type Operation } from "#store/contract.ts";
import type {
  Credentials,
  Halves,
  Member,
  Owner,
  PasswordRequest,
  SessionView,
  SignInAnswer,
  SignInParts,
  Visitor,
} from "./contract.ts";
import { sessionKey, type ConsoleSession, type SwitchedRole } from "./documents.ts";
import { checkMfa, consoleLogin, failedLogin, switchedRole, type RecordFacts } from "./records.ts";
import {
  changeSession,
  credentialsMs,
  newHalves,
  noSession,
  openSession,
  passwordChangeMs,
  putSession,
  sessionMs,
} from "./sessions.ts";

/** Seconds that AssumeRole allows at least, and that every role allows. */
const roleSeconds = { least: 900, most: 3600 };

interface Given {
  credentials: Credentials;
  principal: Member;
}

export class SignIn {
  readonly #parts: SignInParts;

  constructor(parts: SignInParts) {
    this.#parts = parts;
  }

  async signIn(request: PasswordRequest, visitor: Visitor): Promise<SignInAnswer> {
    const result = await this.#parts.checkPassword(request);
    const facts = this.facts(visitor);
    switch (result.outcome) {
      case "throttled":
        return result;
      case "refused":
      case "passwordExpired":
        if (result.attempted) await this.#commit([failedLogin(facts, result.attempted, request.mfaCode !== undefined)]);
        return { outcome: result.outcome };
      case "mfaRequired":
        await this.#commit([checkMfa(facts, result.attempted)]);
        return { outcome: result.outcome };
      case "signedIn":
    }
    const { account, id, mfaAuthenticated, mfaSerial, mustChangePassword } = result;
    const owner = await this.#parts.owner(account, id);
    if (!owner) return { outcome: "refused" };
    const session = {
      subject: { kind: "password", account, id } as const,
      signedInAt: facts.now,
      expiresAt: facts.now + (mustChangePassword ? passwordChangeMs : sessionMs),
      mfaAuthenticated,
    };
    const halves = newHalves(this.#parts.random);
    const login = consoleLogin(facts, owner, mfaSerial);
    const answer = { ...halves, expiresAt: session.expiresAt };
    if (mustChangePassword) {
      await this.#commit([putSession(halves, { ...session, mustChangePassword }), login]);
      return { outcome: "changePassword", ...answer };
    }
    const state = this.#unit();
    const given = await this.#credentialsOf(owner, session, state);
    await this.#commit([putSession(halves, session), login, ...state.operations]);
    return { outcome: "signedIn", ...answer, view: viewOf(given, session, facts.now) };
  }

  /** Fresh credentials for a page that holds both halves. @throws NoSession, PasswordChangeRequired, AWS's own refusal of a role */
  async refresh(halves: Halves, visitor: Visitor): Promise<SessionView> {
    const { value: session } = await openSession(this.#parts.store, halves, this.#parts.clock.now());
    return await this.#viewOf(session, visitor);
  }

  /** The account that a session looks at. @throws NoSession */
  async account(halves: Halves): Promise<string> {
    const { value: session } = await openSession(this.#parts.store, halves, this.#parts.clock.now());
    return session.role?.account ?? (await this.#signedIn(session)).account;
  }

  /** Ends the session; credentials that were given run out within minutes. */
  async signOut({ token }: Halves): Promise<void> {
    await this.#commit([{ op: "delete", key: sessionKey(token) }]);
  }

  /** The new password that was asked for at sign-in. @throws AWS's own refusals of ChangePassword */
  async changePassword(
    halves: Halves,
    passwords: { oldPassword: string; newPassword: string },
    visitor: Visitor,
  ): Promise<SessionView & { sessionExpiresAt: number }> {
    const { store, clock, call } = this.#parts;
    const document = await openSession(store, halves, clock.now());
    const session = document.value;
    const owner = await this.#ownerOf(session);
    await call({ ...owner, session: this.#context(session) }, visitor.source, "iam", "ChangePassword", {
      OldPassword: passwords.oldPassword,
      NewPassword: passwords.newPassword,
    });
    const { mustChangePassword: _done, ...rest } = session;
    const changed = { ...rest, expiresAt: session.signedInAt + sessionMs };
    await this.#change(document, changed);
    return { ...(await this.#viewOf(changed, visitor)), sessionExpiresAt: changed.expiresAt };
  }

  /** @throws AWS's own refusals of AssumeRole, ValidationError */
  async switchRole(
    halves: Halves,
    wanted: { account: string; roleName: string; displayName?: string },
    visitor: Visitor,
  ): Promise<SessionView> {
    const { store, clock, accountNamed } = this.#parts;
    const account = await accountNamed(wanted.account);
    if (account === undefined || !/^[\w+=,.@/-]{1,575}$/.test(wanted.roleName)) {
      throw new AwsError(
        "InvalidRole",
        "Invalid information in one or more fields. Check your information or contact your administrator.",
        400,
      );
    }
    const role: SwitchedRole = {
      account,
      roleName: wanted.roleName,
      roleArn: `arn:aws:iam::${account}:role/${wanted.roleName}`,
      displayName: wanted.displayName?.slice(0, 64) || `${wanted.roleName} @ ${wanted.account}`,
    };
    const document = await openSession(store, halves, clock.now());
    const { role: _before, ...plain } = document.value;
    const from = await this.#signedIn(plain);
    const given = await this.#assume(from, role, plain, visitor);
    const session = { ...plain, role };
    await this.#change(document, session, [switchedRole(this.facts(visitor), given.principal, from)]);
    return viewOf(given, session, clock.now(), from);
  }

  /** Back to who signed in. */
  async exitRole(halves: Halves, visitor: Visitor): Promise<SessionView> {
    const document = await openSession(this.#parts.store, halves, this.#parts.clock.now());
    const { role: _role, ...session } = document.value;
    await this.#change(document, session);
    return await this.#viewOf(session, visitor);
  }

  facts(visitor: Visitor): RecordFacts {
    const { clock, random } = this.#parts;
    return { ...visitor, now: clock.now(), eventId: random.uuid() };
  }

  async #viewOf(session: ConsoleSession, visitor: Visitor): Promise<SessionView> {
    if (session.mustChangePassword) {
      throw new AwsError("PasswordChangeRequired", "You must change your password to continue.", 403);
    }
    const now = this.#parts.clock.now();
    if (session.role) {
      const from = await this.#signedIn(session);
      return viewOf(await this.#assume(from, session.role, session, visitor), session, now, from);
    }
    if (session.subject.kind === "federated") {
      return viewOf(await this.#federated(session.subject.accessKeyId), session, now);
    }
    const state = this.#unit();
    const given = await this.#credentialsOf(await this.#ownerOf(session), session, state);
    await this.#commit(state.operations);
    return viewOf(given, session, now);
  }

  /** Whose rights a switch of roles is judged by. */
  async #signedIn(session: Omit<ConsoleSession, "role">): Promise<Member> {
    if (session.mustChangePassword) throw noSession();
    if (session.subject.kind === "federated") return (await this.#federated(session.subject.accessKeyId)).principal;
    return { ...(await this.#ownerOf(session)), session: this.#context(session) };
  }

  async #ownerOf({ subject }: Pick<ConsoleSession, "subject">): Promise<Owner> {
    const owner = subject.kind === "password" ? await this.#parts.owner(subject.account, subject.id) : undefined;
    if (!owner) throw noSession();
    return owner;
  }

  async #federated(accessKeyId: string): Promise<Given> {
    const credential = await this.#parts.identity.credential(accessKeyId);
    const principal = credential?.principal;
    if (credential?.status !== "Active" || !credential.sessionToken) throw noSession();
    if (principal?.kind !== "role" && principal?.kind !== "federated") throw noSession();
    return {
      principal,
      credentials: {
        AccessKeyId: accessKeyId,
        SecretAccessKey: credential.secretAccessKey,
        SessionToken: credential.sessionToken,
        Expiration: new Date(principal.session.expiresAt),
      },
    };
  }

  /** What the session is to the gateway. Its age is that of the sign-in, so that policies on age see through renewals. */
  #context(session: Pick<ConsoleSession, "signedInAt" | "expiresAt" | "mfaAuthenticated">): SessionContext {
    return {
      createdAt: session.signedInAt,
      expiresAt: Math.min(session.expiresAt, this.#parts.clock.now() + credentialsMs),
      mfaAuthenticated: session.mfaAuthenticated,
      ...(session.mfaAuthenticated ? { mfaAt: session.signedInAt } : {}),
      console: true,
    };
  }

  async #credentialsOf(
    principal: Owner,
    session: Pick<ConsoleSession, "signedInAt" | "expiresAt" | "mfaAuthenticated">,
    state: UnitOfWork,
  ): Promise<Given> {
    const context = this.#context(session);
    return {
      credentials: await this.#parts.issue(state, principal, context),
      principal: { ...principal, session: context },
    };
  }

  async #assume(
    from: Member,
    role: SwitchedRole,
    session: Pick<ConsoleSession, "expiresAt">,
    visitor: Visitor,
  ): Promise<Given> {
    const left = Math.floor((session.expiresAt - this.#parts.clock.now()) / 1000);
    const output = await this.#parts.call(from, visitor.source, "sts", "AssumeRole", {
      RoleArn: role.roleArn,
      RoleSessionName: nameOf(from).slice(0, 64),
      DurationSeconds: Math.max(roleSeconds.least, Math.min(roleSeconds.most, left)),
    });
    const credentials = output["Credentials"] as Credentials;
    const principal = (await this.#parts.identity.credential(credentials.AccessKeyId))?.principal;
    if (principal?.kind !== "role") throw noSession();
    return { credentials, principal };
  }

  async #change(document: Document<ConsoleSession>, value: ConsoleSession, more: Operation[] = []): Promise<void> {
    try {
      await this.#commit([changeSession(document, value), ...more]);
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      throw new AwsError("SessionChanged", "Another page has changed this session. Try again.", 409);
    }
  }

  #unit(): UnitOfWork {
    const { store, random } = this.#parts;
    const scope = { account: "000000000000", region: globalRegion, service: "sts" };
    return new UnitOfWork(store, scope, () => random.uuid());
  }

  #commit(operations: readonly Operation[]): Promise<unknown> {
    return this.#parts.store.commit([...operations]);
  }
}

function viewOf(
  { credentials, principal }: Given,
  session: Pick<ConsoleSession, "expiresAt" | "role">,
  now: number,
  from?: Member,
): SessionView {
  return {
    credentials: {
      accessKeyId: credentials.AccessKeyId,
      secretAccessKey: credentials.SecretAccessKey,
      sessionToken: credentials.SessionToken,
      expiresAt: credentials.Expiration.getTime(),
    },
    identity: {
      kind: principal.kind,
      account: principal.account,
      arn: principal.arn,
      name: nameOf(principal),
      mfaAuthenticated: principal.session?.mfaAuthenticated ?? false,
    },
    ...(from && session.role
      ? { switchedFrom: { account: from.account, name: nameOf(from), displayName: session.role.displayName } }
      : {}),
    expiresAt: session.expiresAt,
    now,
  };
}

function nameOf(principal: Member): string {
  switch (principal.kind) {
    case "root":
      return "root";
    case "user":
    case "federated":
      return principal.userName;
    case "role":
      return principal.sessionName;
  }
}
