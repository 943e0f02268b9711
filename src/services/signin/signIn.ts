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
  Given,
  Halves,
  Member,
  Owner,
  PasswordRequest,
  SessionView,
  SignInAnswer,
  SignInParts,
  Visitor,
} from "./contract.ts";
import { givenQuery, sessionKey, type ConsoleSession, type GivenCredentials, type SwitchedRole } from "./documents.ts";
import { checkMfa, consoleLogin, failedLogin, switchedRole, type RecordFacts } from "./records.ts";
import {
  changeSession,
  credentialsMs,
  giveCredentials,
  newHalves,
  noSession,
  openSession,
  passwordChangeMs,
  putSession,
  sessionMs,
} from "./sessions.ts";

/** Seconds that AssumeRole allows at least, and that every role allows. */
const roleSeconds = { least: 900, most: 3600 };

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
        if (result.attempted) await this.#commit([failedLogin(facts, result.attempted, request.mfaCode !== undefined)]);
        return { outcome: result.outcome, retryAfterMs: result.retryAfterMs };
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
    const credentials = giveCredentials(halves, undefined, given);
    await this.#commit([putSession(halves, session), login, ...state.operations, ...credentials]);
    return { outcome: "signedIn", ...answer, view: viewOf(given, session, facts.now) };
  }

  /** Fresh credentials for a page that holds both halves. @throws NoSession, PasswordChangeRequired, AWS's own refusal of a role */
  async refresh(halves: Halves, visitor: Visitor): Promise<SessionView> {
    for (;;) {
      const document = await openSession(this.#parts.store, halves, this.#parts.clock.now());
      const view = await this.#viewOf(halves, document, visitor);
      // Otherwise another page has changed the session, or ended it: looked at anew.
      if (view) return view;
    }
  }

  /** Whoever a session acts as at this moment: who signed in, or the role that was taken. @throws as `refresh` */
  async principal(halves: Halves, visitor: Visitor): Promise<Member> {
    const { credentials } = await this.refresh(halves, visitor);
    const principal = (await this.#parts.identity.credential(credentials.accessKeyId))?.principal;
    if (!principal || principal.kind === "anonymous" || principal.kind === "service") throw noSession();
    return principal;
  }

  /** The account that a session looks at. @throws NoSession */
  async account(halves: Halves): Promise<string> {
    const { value: session } = await openSession(this.#parts.store, halves, this.#parts.clock.now());
    return session.role?.account ?? (await this.#signedIn(session)).account;
  }

  /** Ends the session, then the credentials that its pages were given: no others can be given in between. */
  async signOut({ token }: Halves): Promise<void> {
    const { store, end } = this.#parts;
    await this.#commit([{ op: "delete", key: sessionKey(token) }]);
    for (;;) {
      const { items } = await store.list<GivenCredentials>({ ...givenQuery(token), limit: 500 });
      if (items.length === 0) return;
      await this.#commit(
        items.flatMap(({ key, value }): Operation[] => [
          end(value.account, value.accessKeyId, value.expiresAt),
          { op: "delete", key },
        ]),
      );
    }
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
    return { ...(await this.refresh(halves, visitor)), sessionExpiresAt: changed.expiresAt };
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
    await this.#change(document, session, [
      switchedRole(this.facts(visitor), given.principal, from),
      ...giveCredentials(halves, undefined, given),
    ]);
    return viewOf(given, session, clock.now(), from);
  }

  /** Back to who signed in. */
  async exitRole(halves: Halves, visitor: Visitor): Promise<SessionView> {
    const document = await openSession(this.#parts.store, halves, this.#parts.clock.now());
    const { role: _role, ...session } = document.value;
    await this.#change(document, session);
    return await this.refresh(halves, visitor);
  }

  facts(visitor: Visitor): RecordFacts {
    const { clock, random } = this.#parts;
    return { ...visitor, now: clock.now(), eventId: random.uuid() };
  }

  /** `undefined` when the session is not as it was seen any more: the credentials are nobody's. */
  async #viewOf(
    halves: Halves,
    document: Document<ConsoleSession>,
    visitor: Visitor,
  ): Promise<SessionView | undefined> {
    const session = document.value;
    if (session.mustChangePassword) {
      throw new AwsError("PasswordChangeRequired", "You must change your password to continue.", 403);
    }
    const now = this.#parts.clock.now();
    if (session.role) {
      const from = await this.#signedIn(session);
      const given = await this.#assume(from, session.role, session, visitor);
      if (await this.#give(halves, document, given)) return viewOf(given, session, now, from);
      const { AccessKeyId, Expiration } = given.credentials;
      await this.#commit([this.#parts.end(given.principal.account, AccessKeyId, Expiration.getTime())]);
      return undefined;
    }
    if (session.subject.kind === "federated") {
      return viewOf(await this.#federated(session.subject.accessKeyId), session, now);
    }
    const state = this.#unit();
    const given = await this.#credentialsOf(await this.#ownerOf(session), session, state);
    return (await this.#give(halves, document, given, state.operations)) ? viewOf(given, session, now) : undefined;
  }

  async #give(
    halves: Halves,
    document: Document<ConsoleSession>,
    given: Given,
    more: readonly Operation[] = [],
  ): Promise<boolean> {
    try {
      await this.#commit([...giveCredentials(halves, document, given), ...more]);
      return true;
    } catch (error) {
      if (error instanceof Conflict) return false;
      throw error;
    }
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
