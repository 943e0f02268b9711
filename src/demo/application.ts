/** The application that is protected: a small shop, and the webhook of its security team. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const page = `<!doctype html><meta charset="utf-8"><title>Shop</title><h1>Shop</h1>
<form><input name="q" aria-label="search"><button>Search</button></form>\n`;
/** Notifications that are kept to be looked at. */
const mostKept = 100;

export interface Notice {
  type: string;
  message: string;
}

export class Application {
  readonly notices: Notice[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        if (request.method === "POST" && request.url === "/hook")
          this.#hook(Buffer.concat(chunks).toString(), response);
        else if (request.url === "/notices") answer(response, "application/json", JSON.stringify(this.notices));
        else answer(response, "text/html; charset=utf-8", page);
      });
      request.on("error", () => {});
    });
  }

  /** On a port of the loopback address; 0 takes a free one. */
  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Notifications of SNS; a subscription is confirmed by whoever is asked. */
  #hook(body: string, response: ServerResponse): void {
    try {
      const { Type, Message, SubscribeURL } = JSON.parse(body) as Record<string, string>;
      if (Type === "SubscriptionConfirmation") void fetch(SubscribeURL!).catch(() => {});
      else if (Type === "Notification") this.notices.unshift({ type: Type, message: Message ?? "" });
      this.notices.length = Math.min(this.notices.length, mostKept);
      answer(response, "text/plain", "");
    } catch {
      response.writeHead(400).end();
    }
  }
}

function answer(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { "content-type": type }).end(body);
}
