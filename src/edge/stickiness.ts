/**
 * Sticky sessions: which cookie keeps a client with its target or target group.
 * Source: Elastic Load Balancing User Guide, "Sticky sessions for your Application Load Balancer".
 *
 * INVARIANT: a cookie says nothing to its bearer and cannot be made by one: it is sealed, for one group.
 */
import type { TargetGroupDocument } from "./config.ts";
import { cookieOf, setCookie } from "./cookies.ts";
import type { Sealing } from "./sealing.ts";

interface Pinned {
  /** ARN of the target group, or of the rule for stickiness between groups. */
  of: string;
  /** Key of the target, or ARN of the group. */
  to: string;
  /** Epoch milliseconds. */
  until: number;
}

const targetCookie = "AWSALB";
const groupCookie = "AWSALBTG";
const applicationCookie = "AWSALBAPP-0";

export class Stickiness {
  readonly #sealing: Sealing;

  constructor(sealing: Sealing) {
    this.#sealing = sealing;
  }

  /** The target of the group that the request is pinned to. */
  target(rawHeaders: readonly string[], { arn, attributes }: TargetGroupDocument, now: number): string | undefined {
    const { stickiness } = attributes;
    if (!stickiness) return undefined;
    if (stickiness.type === "lb_cookie") return this.#read(rawHeaders, targetCookie, arn, now);
    // The application's cookie ends the session when it is gone.
    if (cookieOf(rawHeaders, stickiness.cookieName) === undefined) return undefined;
    return this.#read(rawHeaders, applicationCookie, arn, now);
  }

  group(rawHeaders: readonly string[], rule: string, now: number): string | undefined {
    return this.#read(rawHeaders, groupCookie, rule, now);
  }

  /** Set-Cookie values for a response of a target. */
  targetCookies(
    { arn, attributes }: TargetGroupDocument,
    target: string,
    setByApplication: readonly string[],
    now: number,
    secure: boolean,
  ): string[] {
    const { stickiness } = attributes;
    if (!stickiness) return [];
    const until = now + stickiness.durationSeconds * 1000;
    const value = this.#sealing.sealText({ of: arn, to: target, until } satisfies Pinned);
    if (stickiness.type === "lb_cookie") return pair(targetCookie, value, until, secure);
    const prefix = `${stickiness.cookieName}=`;
    const given = setByApplication.some((each) => each.trimStart().startsWith(prefix));
    return given ? [setCookie(applicationCookie, value, { expires: until })] : [];
  }

  groupCookies(rule: string, group: string, seconds: number, now: number, secure: boolean): string[] {
    const until = now + seconds * 1000;
    return pair(groupCookie, this.#sealing.sealText({ of: rule, to: group, until } satisfies Pinned), until, secure);
  }

  #read(rawHeaders: readonly string[], name: string, of: string, now: number): string | undefined {
    const text = cookieOf(rawHeaders, name) ?? cookieOf(rawHeaders, `${name}CORS`);
    if (text === undefined) return undefined;
    const pinned = this.#sealing.openText(text) as Pinned | undefined;
    return pinned?.of === of && pinned.until > now ? pinned.to : undefined;
  }
}

/** The second cookie is for requests from other sites. */
function pair(name: string, value: string, expires: number, secure: boolean): string[] {
  return [setCookie(name, value, { expires }), setCookie(`${name}CORS`, value, { expires, sameSite: "None", secure })];
}
