/**
 * The authenticate-oidc action: the authorization code flow between the user's browser, the identity provider and the
 * load balancer. Source: Elastic Load Balancing User Guide, "Authenticate users using an Application Load Balancer".
 *
 * INVARIANT: no request reaches a target as a user's without a session that was sealed here, for this provider and client.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "#kernel/clock.ts";
import type { Random } from "#kernel/ids.ts";
import type { OidcConfig, RoutingAction } from "../config.ts";
import { cookieOf, setCookie } from "../cookies.ts";
import type { Exchange } from "../exchange.ts";
import { Sealing } from "../sealing.ts";
import type { Authenticator } from "../serve.ts";
import { AuthenticationFailed, redeem, userInfo } from "./identityProvider.ts";
import { readSession, sessionCookies, type UserSession } from "./session.ts";
import { ClaimsSigner, publicKeyHost } from "./userClaims.ts";

type Action = Extract<RoutingAction, { type: "authenticate-oidc" }>;

/** What comes back with the user: sealed, so that only what we sent counts. */
interface LoginState {
  /** Rule that asked. */
  rule: string;
  /** Hash of the nonce that the browser keeps. */
  nonce: string;
  /** Where the user wanted to go: path and query. */
  target: string;
  until: number;
}

const callbackPath = "/oauth2/idpresponse";
const nonceCookie = "AWSALBAuthNonce";
/** A login that takes longer has to begin again. */
const loginMs = 15 * 60_000;

export class OidcAuthenticator implements Authenticator {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sealing: Sealing;
  readonly #signer: ClaimsSigner;
  readonly #secretOf: (bound: string) => string | undefined;

  /** @param secretOf the revealed client secret */
  constructor(options: {
    clock: Clock;
    random: Random;
    secret: Uint8Array;
    secretOf: (bound: string) => string | undefined;
  }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#sealing = new Sealing(options.secret, "sessions", options.random);
    this.#signer = new ClaimsSigner(options.secret);
    this.#secretOf = options.secretOf;
  }

  /** Requests that are for the load balancer itself: the public key, and users who come back from the provider. */
  intercept(exchange: Exchange): boolean {
    if (exchange.host.startsWith(publicKeyHost)) {
      const known = exchange.path === `/${this.#signer.keyId}`;
      if (known) exchange.reply(200, [["Content-Type", "application/x-pem-file"]], this.#signer.publicKey);
      else exchange.fail(404);
      return true;
    }
    if (exchange.path !== callbackPath) return false;
    const actions = exchange.state.rules.flatMap((rule) => rule.actions.map((action) => ({ rule, action })));
    if (!actions.some(({ action }) => action.type === "authenticate-oidc")) return false;
    exchange.actions.push("authenticate");
    void this.#comesBack(exchange).catch((error: unknown) => this.#fail(exchange, error));
    return true;
  }

  authenticate(exchange: Exchange, { oidc }: Action, goOn: () => void): boolean {
    const { session, shards } = readSession(this.#sealing, oidc.sessionCookieName, exchange.rawHeaders);
    const now = this.#clock.now();
    if (session && session.of === providerOf(oidc) && session.until > now) {
      if (session.tokenUntil > now) {
        this.#tell(exchange, oidc, session);
        return true;
      }
      if (session.refreshToken !== undefined) {
        void this.#refresh(exchange, oidc, session, shards).then(goOn, () =>
          this.#withoutSession(exchange, oidc, goOn),
        );
        return false;
      }
    }
    this.#withoutSession(exchange, oidc, goOn);
    return false;
  }

  #withoutSession(exchange: Exchange, oidc: OidcConfig, goOn: () => void): void {
    if (oidc.onUnauthenticated === "allow") return goOn();
    if (oidc.onUnauthenticated === "deny") return exchange.fail(401);
    if (exchange.hostHeader === "") return exchange.fail(401, "AuthMissingHostHeader");
    this.#begin(exchange, oidc);
  }

  #begin(exchange: Exchange, oidc: OidcConfig): void {
    const nonce = this.#random.bytes(24).toString("base64url");
    const until = this.#clock.now() + loginMs;
    const target = exchange.method === "GET" ? exchange.target : exchange.path;
    const state = this.#sealing.sealText({
      rule: exchange.rule?.arn ?? "",
      nonce: hash(nonce),
      target,
      until,
    } satisfies LoginState);
    const location = new URL(oidc.authorizationEndpoint);
    const parameters = {
      ...oidc.extraParams,
      client_id: oidc.clientId,
      redirect_uri: callbackOf(exchange),
      response_type: "code",
      scope: oidc.scope,
      state,
    };
    for (const [name, value] of Object.entries(parameters)) location.searchParams.set(name, value);
    exchange.cookies.push(setCookie(nonceCookie, nonce, { expires: until, secure: true, httpOnly: true }));
    exchange.reply(302, [["Location", location.href]], "");
    if (exchange.hasBody) exchange.request.resume();
  }

  async #comesBack(exchange: Exchange): Promise<void> {
    const query = new URLSearchParams(exchange.query);
    const now = this.#clock.now();
    const given = query.get("state");
    if (given === null) throw new AuthenticationFailed(401, "AuthMissingStateParam");
    const state = this.#sealing.openText(given) as LoginState | undefined;
    const nonce = cookieOf(exchange.rawHeaders, nonceCookie);
    // INVARIANT: only the browser that began a login ends it.
    if (!state || nonce === undefined || !same(hash(nonce), state.nonce) || state.until <= now) {
      throw new AuthenticationFailed(401, "AuthInvalidStateParam");
    }
    const rule = exchange.state.rules.find(({ arn }) => arn === state.rule);
    const action = rule?.actions.find((each): each is Action => each.type === "authenticate-oidc");
    if (!action) throw new AuthenticationFailed(401, "AuthInvalidStateParam");
    exchange.rule = rule;
    if (query.has("error")) throw new AuthenticationFailed(561, "AuthInvalidGrantError");
    const code = query.get("code");
    if (code === null) throw new AuthenticationFailed(401, "AuthMissingCodeParam");
    const form = { grant_type: "authorization_code", code, redirect_uri: callbackOf(exchange) };
    const { oidc } = action;
    const { reaches } = exchange.state;
    const tokens = await redeem(oidc, this.#secret(oidc), form, now, reaches);
    const claims = await userInfo(oidc, tokens.accessToken, reaches);
    if (claims["sub"] !== tokens.sub) throw new AuthenticationFailed(401, "AuthInvalidUserinfoResponse");
    const session: UserSession = {
      of: providerOf(oidc),
      sub: String(claims["sub"]),
      claims,
      accessToken: tokens.accessToken,
      tokenUntil: now + tokens.expiresIn * 1000,
      until: now + oidc.sessionTimeoutSeconds * 1000,
      ...(tokens.refreshToken === undefined ? {} : { refreshToken: tokens.refreshToken }),
    };
    const { shards } = readSession(this.#sealing, oidc.sessionCookieName, exchange.rawHeaders);
    this.#setCookies(exchange, oidc, session, shards);
    exchange.cookies.push(setCookie(nonceCookie, "", { expires: 0, secure: true, httpOnly: true }));
    exchange.reply(302, [["Location", `https://${exchange.hostHeader}${state.target}`]], "");
  }

  async #refresh(exchange: Exchange, oidc: OidcConfig, session: UserSession, shards: number): Promise<void> {
    const now = this.#clock.now();
    const form = { grant_type: "refresh_token", refresh_token: session.refreshToken ?? "" };
    const { reaches } = exchange.state;
    const tokens = await redeem(oidc, this.#secret(oidc), form, now, reaches);
    const claims = await userInfo(oidc, tokens.accessToken, reaches);
    if (claims["sub"] !== session.sub) throw new AuthenticationFailed(401, "AuthInvalidUserinfoResponse");
    const { accessToken, refreshToken = session.refreshToken } = tokens;
    const next: UserSession = {
      ...session,
      claims,
      accessToken,
      tokenUntil: now + tokens.expiresIn * 1000,
      ...(refreshToken === undefined ? {} : { refreshToken }),
    };
    this.#setCookies(exchange, oidc, next, shards);
    this.#tell(exchange, oidc, next);
  }

  #setCookies(exchange: Exchange, oidc: OidcConfig, session: UserSession, shards: number): void {
    const cookies = sessionCookies(this.#sealing, oidc.sessionCookieName, session, shards);
    if (!cookies) throw new AuthenticationFailed(401, "AuthUserinfoResponseSizeExceeded");
    exchange.cookies.push(...cookies);
  }

  #tell(exchange: Exchange, oidc: OidcConfig, session: UserSession): void {
    const signer = exchange.state.frontEnd.arn;
    const facts = { signer, issuer: oidc.issuer, client: oidc.clientId };
    exchange.addedHeaders.push(
      "x-amzn-oidc-accesstoken",
      session.accessToken,
      "x-amzn-oidc-identity",
      session.sub,
      "x-amzn-oidc-data",
      this.#signer.sign(session.claims, facts, this.#clock.now()),
    );
  }

  #secret({ clientSecret }: OidcConfig): string {
    const secret = this.#secretOf(clientSecret.bound);
    if (secret === undefined) throw new AuthenticationFailed(500, "AuthUnhandledException");
    return secret;
  }

  #fail(exchange: Exchange, error: unknown): void {
    if (error instanceof AuthenticationFailed) exchange.fail(error.status, error.reason);
    else exchange.fail(500, "AuthUnhandledException");
  }
}

function providerOf({ issuer, clientId }: OidcConfig): string {
  return `${issuer}|${clientId}`;
}

function callbackOf({ hostHeader }: Exchange): string {
  return `https://${hostHeader}${callbackPath}`;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

function same(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
