/** A browser's half of signing in, without a browser: cookies, the page's key, and the credentials of the session. */
import { request } from "node:http";
import type { Instance } from "../instance.ts";

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: any;
}

export class Visitor {
  readonly #instance: Instance;
  readonly headers: Record<string, string>;
  cookie = "";
  page = "";

  constructor(instance: Instance, headers: Record<string, string> = {}) {
    this.#instance = instance;
    this.headers = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Test/1.0", ...headers };
  }

  /** POST below `/_jikimi/console/api/`; takes over what it is given. */
  async post(path: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await this.ask("POST", `/_jikimi/console/api/${path}`, JSON.stringify(body), headers);
    const [set] = [answer.headers["set-cookie"] ?? []].flat();
    if (set) this.cookie = set.split(";")[0]!;
    if (answer.body?.page) this.page = answer.body.page;
    return answer;
  }

  ask(method: string, path: string, body?: string, more: Record<string, string> = {}): Promise<Answer> {
    const { hostname, port } = new URL(this.#instance.endpoint);
    const headers = {
      ...this.headers,
      ...(this.cookie ? { cookie: this.cookie } : {}),
      ...(this.page ? { "x-jikimi-page": this.page } : {}),
      ...more,
    };
    return new Promise((resolve, reject) => {
      const sent = request({ hostname, port, method, path, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("end", () => {
          const isJson = response.headers["content-type"]?.startsWith("application/json");
          resolve({ status: response.statusCode!, headers: response.headers, body: isJson ? JSON.parse(text) : text });
        });
      });
      sent.once("error", reject);
      sent.end(body);
    });
  }
}

/** Configuration of an SDK client that uses what a page was given. */
export function clientOf(instance: Instance, view: any) {
  const { accessKeyId, secretAccessKey, sessionToken } = view.credentials;
  return { ...instance.client, credentials: { accessKeyId, secretAccessKey, sessionToken } };
}
