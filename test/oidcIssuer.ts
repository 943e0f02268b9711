/** An OpenID Connect issuer on loopback with a certificate of its own, made by openssl; nothing of ours signs its tokens. */
import { execFile } from "node:child_process";
import { createSign, generateKeyPairSync, randomUUID, X509Certificate, type KeyObject } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
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

/** An application that signs its users in here. */
export interface OidcClient {
  id: string;
  secret: string;
  redirectUri: string;
}

export class OidcIssuer {
  readonly thumbprint: string;
  /** PEM of its certificate, which signed itself. */
  readonly certificate: string;
  /** With it, there are `/authorize`, `/token` and `/userinfo`, and everybody who comes is `user`. */
  client: OidcClient | undefined;
  user: Record<string, unknown> = { sub: "user-1", email: "user@example.com" };
  readonly #codes = new Map<string, string>();
  readonly #accessTokens = new Set<string>();
  readonly #server: Server;
  #key = newKey("first");
  #hits = 0;

  private constructor(server: Server, certificate: string) {
    this.#server = server;
    this.certificate = certificate;
    this.thumbprint = new X509Certificate(certificate).fingerprint.replaceAll(":", "").toLowerCase();
    server.on("request", (request, response) => {
      this.#hits++;
      if (this.client && this.#signsIn(this.client, request, response)) return;
      const { kid, publicKey } = this.#key;
      const documents: Record<string, object> = {
        "/.well-known/openid-configuration": { issuer: this.url, jwks_uri: `${this.url}/keys` },
        "/keys": { keys: [{ ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" }] },
      };
      const found = documents[request.url!];
      response.writeHead(found ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(found ?? {}));
    });
  }

  /** OpenID Connect Core 1.0, section 3.1: the authorization code flow. */
  #signsIn(client: OidcClient, request: IncomingMessage, response: ServerResponse): boolean {
    const url = new URL(request.url!, this.url);
    const answer = (status: number, body: object) =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    switch (`${request.method} ${url.pathname}`) {
      case "GET /authorize": {
        const asked = url.searchParams;
        const known = asked.get("client_id") === client.id && asked.get("redirect_uri") === client.redirectUri;
        if (!known || asked.get("response_type") !== "code") answer(400, { error: "invalid_request" });
        else {
          const code = randomUUID();
          this.#codes.set(code, client.redirectUri);
          const back = new URL(client.redirectUri);
          back.searchParams.set("code", code);
          back.searchParams.set("state", asked.get("state") ?? "");
          response.writeHead(302, { location: back.href }).end();
        }
        return true;
      }
      case "POST /token": {
        let body = "";
        request.on("data", (chunk: Buffer) => (body += chunk.toString()));
        request.on("end", () => {
          const form = new URLSearchParams(body);
          const code = form.get("code") ?? "";
          const basic = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString("base64")}`;
          if (request.headers.authorization !== basic) return answer(401, { error: "invalid_client" });
          if (this.#codes.get(code) !== form.get("redirect_uri")) return answer(400, { error: "invalid_grant" });
          this.#codes.delete(code);
          const accessToken = randomUUID();
          this.#accessTokens.add(accessToken);
          const idToken = this.token({ aud: client.id, sub: this.user["sub"] });
          answer(200, { access_token: accessToken, token_type: "Bearer", expires_in: 300, id_token: idToken });
        });
        return true;
      }
      case "GET /userinfo": {
        const given = request.headers.authorization?.replace("Bearer ", "") ?? "";
        if (this.#accessTokens.has(given)) answer(200, this.user);
        else answer(401, { error: "invalid_token" });
        return true;
      }
      default:
        return false;
    }
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
    return new OidcIssuer(server, files.cert.toString());
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
