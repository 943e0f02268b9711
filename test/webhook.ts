/** An HTTPS server with a certificate of an authority of its own, which keeps what SNS sends it. */
import { execFileSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class Webhook {
  readonly received: Record<string, string>[] = [];
  /** File with the authority that signed the certificate, for `NODE_EXTRA_CA_CERTS` of an instance. */
  readonly authority: string;
  readonly #folder: string;
  readonly #arrived = new EventEmitter();
  readonly #server: Server;

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "jikimi-webhook-"));
    this.authority = join(this.#folder, "ca.pem");
    const openssl = (line: string) =>
      execFileSync("openssl", line.split(" "), { cwd: this.#folder, stdio: ["ignore", "ignore", "ignore"] });
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=Tests");
    openssl("req -newkey rsa:2048 -nodes -keyout hook.key -out hook.csr -subj /CN=localhost");
    writeFileSync(join(this.#folder, "ext"), "subjectAltName=DNS:localhost\n");
    openssl("x509 -req -in hook.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out hook.pem");
    const [key, cert] = ["hook.key", "hook.pem"].map((name) => readFileSync(join(this.#folder, name)));
    this.#server = createServer({ key: key!, cert: cert! }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        this.received.push(JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>);
        response.end();
        this.#arrived.emit("message");
      });
    });
  }

  static async listen(): Promise<Webhook> {
    const webhook = new Webhook();
    await new Promise<void>((resolve) => webhook.#server.listen(0, "127.0.0.1", resolve));
    return webhook;
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  /** The first message that is wanted, at the moment it comes. */
  async message(
    wanted: (message: Record<string, string>) => boolean,
    withinMs: number,
  ): Promise<Record<string, string>> {
    const signal = AbortSignal.timeout(withinMs);
    for (;;) {
      const found = this.received.find(wanted);
      if (found) return found;
      await once(this.#arrived, "message", { signal });
    }
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
