/** What an issuer may show and answer, and what of it is believed. Each server here lives on loopback for one test. */
import "reflect-metadata";
import assert from "node:assert/strict";
import { generateKeyPairSync, sign, webcrypto, type KeyObject } from "node:crypto";
import { createServer } from "node:https";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import * as x509 from "@peculiar/x509";
import { systemClock } from "#kernel/clock.ts";
import { AwsError } from "#kernel/errors.ts";
import { IssuerKeys } from "./issuerKeys.ts";
import { readJwt, verifyJwt } from "./jwt.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const day = 24 * 3600 * 1000;

interface Made {
  certificate: x509.X509Certificate;
  keys: webcrypto.CryptoKeyPair;
}

async function certificate(subject: string, host: string, days: number, issuer?: Made): Promise<Made> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString("hex"),
    subject,
    issuer: issuer?.certificate.subject ?? subject,
    notBefore: new Date(Date.now() - 10 * day),
    notAfter: new Date(Date.now() + days * day),
    publicKey: keys.publicKey,
    signingKey: (issuer ?? { keys }).keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(issuer === undefined, undefined, true),
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: host }]),
    ],
  });
  return { certificate: made, keys };
}

const thumbprintOf = async ({ certificate: made }: Made) => Buffer.from(await made.getThumbprint()).toString("hex");
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = (key: KeyObject = publicKey) => ({ ...key.export({ format: "jwk" }), kid: "k" });

function token(alg = "ES256"): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg, kid: "k" })}.${part({ sub: "x" })}`;
  const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

type Answers = Record<string, object | ((response: ServerResponse, url: string) => void)>;

/** Serves the chain; gives the issuer's name without scheme, as providers are kept. */
async function serve(t: TestContext, chain: readonly Made[], answers: (url: string) => Answers): Promise<string> {
  const key = await webcrypto.subtle.exportKey("pkcs8", chain[0]!.keys.privateKey);
  const server = createServer({
    key: x509.PemConverter.encode(key, "PRIVATE KEY"),
    cert: chain.map(({ certificate: made }) => made.toString("pem")).join("\n"),
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `localhost:${(server.address() as AddressInfo).port}`;
  server.on("request", (request, response) => {
    const answer = answers(`https://${host}`)[request.url!];
    if (typeof answer === "function") return answer(response, `https://${host}`);
    response.writeHead(answer ? 200 : 404).end(JSON.stringify(answer ?? {}));
  });
  return host;
}

const good = (url: string): Answers => ({
  "/.well-known/openid-configuration": { issuer: url, jwks_uri: `${url}/keys` },
  "/keys": { keys: [jwk()] },
});

const keyFor = (url: string, thumbprints: readonly string[], text = token()) =>
  new IssuerKeys(systemClock).keyFor({ arn: "", url, clientIds: [], thumbprints }, readJwt(text));

const refused = (code: string, message?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AwsError, String(error));
  assert.equal(error.code, code, error.message);
  if (message) assert.match(error.message, message);
  return true;
};

test("a chain is believed by the thumbprint of its last certificate, and by no other", async (t) => {
  const ca = await certificate("CN=ca", "ca", 10);
  const leaf = await certificate("CN=leaf", "localhost", 10, ca);
  const url = await serve(t, [leaf, ca], good);
  const key = await keyFor(url, ["00".repeat(20), await thumbprintOf(ca)]);
  assert.ok(verifyJwt(readJwt(token()), key));
  const no = refused("InvalidIdentityToken", /thumbprint/);
  await assert.rejects(keyFor(url, [await thumbprintOf(leaf)]), no);
  await assert.rejects(keyFor(url, []), no);
});

test("a certificate that is for another host, has run out, or was not signed by an authority is not believed", async (t) => {
  const ca = await certificate("CN=ca", "ca", 10);
  // Same name, another key.
  const impostor = await certificate("CN=ca", "ca", 10);
  // Signed by the authority, but none itself.
  const member = await certificate("CN=member", "member.example", 10, ca);
  const chains: Made[][] = [
    [await certificate("CN=leaf", "localhost", 10, member), member, ca],
    [await certificate("CN=leaf", "elsewhere.example", 10, ca), ca],
    [await certificate("CN=leaf", "localhost", -1, ca), ca],
    [await certificate("CN=leaf", "localhost", 10, impostor), ca],
  ];
  for (const chain of chains) {
    const url = await serve(t, chain, good);
    await assert.rejects(keyFor(url, [await thumbprintOf(ca)]), refused("InvalidIdentityToken", /thumbprint/));
  }
});

test("answers that are no discovery document or no key set give no key", async (t) => {
  const own = await certificate("CN=own", "localhost", 10);
  const discovery = "/.well-known/openid-configuration";
  const noKey = refused("InvalidIdentityToken", /verification key/);
  const large = (response: ServerResponse) => response.end(JSON.stringify({ keys: ["x".repeat(300_000)] }));
  const away = (response: ServerResponse, url: string) => response.writeHead(302, { location: `${url}/keys` }).end();
  const rows: [(url: string) => Answers, (error: unknown) => boolean][] = [
    [() => ({}), noKey],
    [(url) => ({ ...good(url), [discovery]: { issuer: "https://other.example", jwks_uri: `${url}/keys` } }), noKey],
    [(url) => ({ ...good(url), [discovery]: { issuer: url, jwks_uri: url.replace("https", "http") } }), noKey],
    [(url) => ({ ...good(url), [discovery]: { issuer: url, jwks_uri: 7 } }), noKey],
    [(url) => ({ ...good(url), [discovery]: (response) => response.end("null") }), noKey],
    [(url) => ({ ...good(url), [discovery]: (response) => response.end("<html>") }), noKey],
    [(url) => ({ ...good(url), [discovery]: away }), noKey],
    [(url) => ({ ...good(url), "/keys": { keys: "none" } }), noKey],
    [(url) => ({ ...good(url), "/keys": { keys: [null, 1, { kty: "EC", crv: "P-256", kid: "k" }] } }), noKey],
    [(url) => ({ ...good(url), "/keys": { keys: [jwk(), jwk()] } }), noKey],
    [(url) => ({ ...good(url), "/keys": { keys: [{ ...jwk(), use: "enc" }] } }), noKey],
    [(url) => ({ ...good(url), "/keys": large }), refused("IDPCommunicationError")],
    [(url) => ({ ...good(url), "/keys": (response) => response.destroy() }), refused("IDPCommunicationError")],
    [
      (url) => ({ ...good(url), "/keys": (response) => response.writeHead(503).end() }),
      refused("IDPCommunicationError"),
    ],
  ];
  for (const [answers, check] of rows) {
    const url = await serve(t, [own], answers);
    await assert.rejects(keyFor(url, [await thumbprintOf(own)]), check);
  }
});

test("an issuer that never answers is given up", async (t) => {
  const own = await certificate("CN=own", "localhost", 10);
  const url = await serve(t, [own], () => ({ "/.well-known/openid-configuration": () => undefined }));
  await assert.rejects(keyFor(url, [await thumbprintOf(own)]), refused("IDPCommunicationError"));
});

test("calls at the same time ask an issuer once", async (t) => {
  const own = await certificate("CN=own", "localhost", 10);
  let asked = 0;
  const url = await serve(t, [own], (issuer) => {
    asked++;
    return good(issuer);
  });
  const issuers = new IssuerKeys(systemClock);
  const provider = { arn: "", url, clientIds: [], thumbprints: [await thumbprintOf(own)] };
  await Promise.all(Array.from({ length: 5 }, () => issuers.keyFor(provider, readJwt(token()))));
  assert.equal(asked, 2);
});

test("the key decides which algorithm is possible", async (t) => {
  const own = await certificate("CN=own", "localhost", 10);
  const url = await serve(t, [own], good);
  for (const alg of ["ES384", "RS256"]) {
    await assert.rejects(keyFor(url, [await thumbprintOf(own)], token(alg)), refused("InvalidIdentityToken"));
  }
  for (const alg of ["none", "HS256", "__proto__"]) {
    assert.throws(() => readJwt(token(alg)), refused("InvalidIdentityToken", /unsupported/));
  }
  for (const text of ["", "a.b", "a.b.c.d", "!.!.!", "e30.bnVsbA.eA", `e30.W10.eA`]) {
    assert.throws(() => readJwt(text), refused("InvalidIdentityToken"));
  }
});
