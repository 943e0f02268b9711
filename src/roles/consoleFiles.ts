/**
 * The built console, below `/_jikimi/console/`: files whose names change with their content, compressed when they
 * were built, and one page. While there is nothing built yet, a page says so and looks again by itself.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createHash } from "node:crypto";
import type { HttpRequest, HttpResponse } from "#wire/contract.ts";

export const consolePath = "/_jikimi/console/";

const distFolder = fileURLToPath(new URL("../../console/dist/", import.meta.url));

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  woff2: "font/woff2",
  json: "application/json",
};

/**
 * Source: Content Security Policy Level 3. Styles that scripts set on elements are not inline styles; `data:` are
 * icons that style sheets carry.
 */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; " +
  "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

const guards = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), usb=()",
};

/** In the order of preference. */
const encodings = [
  { name: "br", ending: ".br" },
  { name: "gzip", ending: ".gz" },
] as const;

export class ConsoleFiles {
  readonly #folder: string;
  /** Files whose name tells their content; they never change. */
  readonly #assets = new Map<string, Promise<Buffer | undefined>>();

  constructor(folder: string = distFolder) {
    this.#folder = folder;
  }

  /** `undefined`: the path is none of the console's files. */
  async answer(request: HttpRequest): Promise<HttpResponse | undefined> {
    const { method, path } = request;
    if (method !== "GET" && method !== "HEAD") return undefined;
    if (`${path}/` === consolePath) return redirect();
    if (!path.startsWith(consolePath)) return undefined;
    const name = path.slice(consolePath.length);
    if (name === "") return await this.#page(request);
    // INVARIANT: a name has no separator and no leading dot, so nothing outside of the folder is read.
    return /^assets\/[\w-][\w.-]*$/.test(name) ? await this.#asset(request, name) : undefined;
  }

  async #page(request: HttpRequest): Promise<HttpResponse> {
    const html = await read(`${this.#folder}index.html`);
    return html ? respond(html, "html", { "content-security-policy": policy }) : beingBuilt(request);
  }

  async #asset(request: HttpRequest, name: string): Promise<HttpResponse | undefined> {
    const type = name.split(".").at(-1) ?? "";
    if (types[type] === undefined) return undefined;
    const accepted = (request.headers["accept-encoding"] ?? "").split(/\s*,\s*/);
    for (const { name: encoding, ending } of encodings) {
      if (!accepted.some((each) => each === encoding)) continue;
      const body = await this.#load(name + ending);
      if (body) return respond(body, type, { ...immutable, "content-encoding": encoding });
    }
    const body = await this.#load(name);
    return body && respond(body, type, immutable);
  }

  #load(name: string): Promise<Buffer | undefined> {
    let body = this.#assets.get(name);
    if (!body) {
      body = read(this.#folder + name);
      this.#assets.set(name, body);
      void body.then((found) => {
        // It may be built a moment later.
        if (!found) this.#assets.delete(name);
      });
    }
    return body;
  }
}

const immutable = { "cache-control": "public, max-age=31536000, immutable", vary: "accept-encoding" };

function respond(body: Buffer, type: string, headers: Record<string, string>): HttpResponse {
  return {
    status: 200,
    headers: { "content-type": types[type]!, "cache-control": "no-store", ...guards, ...headers },
    body,
  };
}

function redirect(): HttpResponse {
  return { status: 308, headers: { location: consolePath, ...guards }, body: "" };
}

async function read(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

const style =
  "body{font:16px system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;word-break:keep-all}";
const styleHash = `'sha256-${createHash("sha256").update(style).digest("base64")}'`;

const waiting = {
  en: [
    "The console is being built",
    "This is done once and takes about a minute. The API answers already. This page looks again by itself. If nothing comes, run",
    "and read what it says.",
  ],
  ko: [
    "콘솔을 빌드하고 있습니다",
    "처음 한 번만 하며 1분쯤 걸립니다. API는 이미 응답합니다. 이 페이지는 저절로 다시 확인합니다. 계속 나오지 않으면 다음을 실행해 메시지를 확인하세요:",
    "",
  ],
} as const;

function beingBuilt(request: HttpRequest): HttpResponse {
  const language = /^ko\b/i.test(request.headers["accept-language"] ?? "") ? "ko" : "en";
  const [title, before, after] = waiting[language];
  const html = `<!doctype html><html lang="${language}"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3"><meta name="viewport" content="width=device-width"><title>Jikimi</title><style>${style}</style></head><body><main><h1>${title}</h1><p role="status">${before} <code>node tools/build-console.ts</code> ${after}</p></main></body></html>`;
  return {
    status: 503,
    headers: {
      "content-type": types["html"]!,
      "cache-control": "no-store",
      "retry-after": "3",
      ...guards,
      "content-security-policy": `default-src 'none'; style-src ${styleHash}; frame-ancestors 'none'; base-uri 'none'`,
    },
    body: html,
  };
}
