/**
 * The one-time link that sets the root user's password: a page of its own, because there may be nobody who can
 * sign in yet. The token is in the fragment, which browsers keep out of requests, logs and Referer headers.
 */
import { createHash } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import { systemRandom } from "#kernel/ids.ts";
import type { Runtime } from "#gateway/runtime.ts";
import { requestRootLink, setRootPassword } from "../services/iam/signIn.ts";
import type { AdminRootLink } from "./adminContract.ts";
import { Rendered, type Routes } from "./routes.ts";

const path = "/_jikimi/root-password";
const lifetimeMs = 24 * 3600 * 1000;

export function rootLinkUrl(endpoint: string, account: string, token: string): string {
  return `${endpoint}${path}#${account}.${token}`;
}

/** A new link; the one before stops working. */
export async function newRootLink(runtime: Runtime, account: string): Promise<AdminRootLink> {
  const token = await requestRootLink({ ...runtime, random: systemRandom }, account);
  return {
    url: rootLinkUrl(runtime.config.endpoint, account, token),
    expiresAt: runtime.clock.now() + lifetimeMs,
  };
}

export function rootLinkRoutes(runtime: Runtime): Routes {
  return {
    [`GET ${path}`]: () => new Rendered("text/html; charset=utf-8", page, { "content-security-policy": policy }),
    [`POST ${path}`]: async (_query, body) => {
      const { account, token, password } = body;
      if (typeof account !== "string" || typeof token !== "string" || typeof password !== "string") {
        throw new AwsError("InvalidRequest", "account, token and password must be strings.", 400);
      }
      await setRootPassword({ ...runtime, random: systemRandom }, { account, password, proof: { token } });
      return { status: "set" };
    },
  };
}

const script = `
const ko = navigator.language.startsWith("ko");
const say = (en, k) => (ko ? k : en);
document.documentElement.lang = ko ? "ko" : "en";
document.querySelector("h1").textContent = say("Password of the root user", "루트 사용자 암호 설정");
document.querySelector("label span").textContent = say("New password", "새 암호");
document.querySelector("button").textContent = say("Set password", "암호 설정");
const out = document.querySelector("output");
document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [account, token] = location.hash.slice(1).split(".");
  const password = document.querySelector("input").value;
  const answer = await fetch(location.pathname, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ account, token, password }),
  });
  out.textContent = answer.ok ? say("Done. This link no longer works.", "설정했습니다. 이 링크는 더 이상 쓸 수 없습니다.") : (await answer.json()).message;
});
`;

const style =
  "body{font:16px system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem}label{display:block;margin:1rem 0}input{display:block;width:100%;padding:.5rem;box-sizing:border-box}output{display:block;margin-top:1rem}";

const page = `<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Jikimi</title><style>${style}</style></head><body><h1></h1><form><label><span></span><input type="password" autocomplete="new-password" required minlength="8"></label><button></button></form><output role="status"></output><script>${script}</script></body></html>`;

const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'`;
