/** An OpenID Connect issuer on loopback with a certificate of its own, made by openssl; nothing of ours signs its tokens. */
import { execFile } from "node:child_process";
import { createSign, generateKeyPairSync, X509Certificate, type KeyObject } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

function newKey(kid: string): SigningKey {
  return { kid, ...generateKeyPairSync("rsa", { modulusLength: 2048 }) };
}

export class OidcIssuer {
  readonly thumbprint: string;
  readonly #server: Server;
  #key = newKey("first");
  #hits = 0;

  private constructor(server: Server, thumbprint: string) {
    this.#server = server;
    this.thumbprint = thumbprint;
    server.on("request", (request, response) => {
      this.#hits++;
      const { kid, publicKey } = this.#key;
      const documents: Record<string, object> = {
        "/.well-known/openid-configuration": { issuer: this.url, jwks_uri: `${this.url}/keys` },
        "/keys": { keys: [{ ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" }] },
      };
      const found = documents[request.url!];
      response.writeHead(found ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(found ?? {}));
    });
  }

  static async start(): Promise<OidcIssuer> {
    const folder = await mkdtemp(join(tmpdir(), "jikimi-oidc-"));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key, "-out", cert];
    await run("openssl", [...made, ...subject]);
    const files = { key: await readFile(key), cert: await readFile(cert) };
    await rm(folder, { recursive: true, force: true });
    const server = createServer(files);
    await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
    const thumbprint = new X509Certificate(files.cert).fingerprint.replaceAll(":", "").toLowerCase();
    return new OidcIssuer(server, thumbprint);
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  get host(): string {
    return this.url.slice("https://".length);
  }

  /** Requests served so far. */
  get hits(): number {
    return this.#hits;
  }

  rotate(): void {
    this.#key = newKey(`key-${this.#hits}`);
  }

  token(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): string {
    const now = Math.floor(Date.now() / 1000);
    const all = { iss: this.url, sub: "repo:team/app", aud: "sts.amazonaws.com", iat: now, exp: now + 300, ...claims };
    const signed = `${base64url({ alg: "RS256", typ: "JWT", kid: this.#key.kid, ...header })}.${base64url(all)}`;
    return `${signed}.${createSign("sha256").update(signed).sign(this.#key.privateKey).toString("base64url")}`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
