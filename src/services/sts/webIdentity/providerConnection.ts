/**
 * Reading JSON from an identity provider over TLS. The server is believed when the system's certificate authorities
 * vouch for it, or when the last certificate of a valid chain it shows has a thumbprint that the account configured.
 * Source: IAM User Guide, "Obtain the thumbprint for an OpenID Connect identity provider" ("the top intermediate
 * certificate authority's certificate", SHA-1; trusted CAs go first).
 */
import { X509Certificate } from "node:crypto";
import { request } from "node:https";
import * as tls from "node:tls";
import { cannotCommunicate, invalidToken, noVerificationKey } from "./errors.ts";

/** Longest time for one document. */
const timeoutMs = 5000;
/** Discovery documents and key sets are small. */
const longestBody = 256 * 1024;
/** Longest chain that is looked at. */
const longestChain = 10;

/** @throws IDPCommunicationError, InvalidIdentityToken */
export async function readProviderJson(url: URL, thumbprints: readonly string[], now: number): Promise<unknown> {
  const signal = AbortSignal.timeout(timeoutMs);
  const socket = await connect(url, signal);
  try {
    if (!isTrusted(socket, url.hostname, thumbprints, now)) {
      throw invalidToken("OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint");
    }
    return await get(url, socket, signal);
  } finally {
    socket.destroy();
  }
}

function connect(url: URL, signal: AbortSignal): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const socket = tls.connect({
      host,
      port: url.port === "" ? 443 : Number(url.port),
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
      ca: [...tls.getCACertificates("default"), ...tls.getCACertificates("system")],
      // Judged by `isTrusted`, before anything is sent.
      rejectUnauthorized: false,
    });
    const stop = () => socket.destroy(new Error("timeout"));
    signal.addEventListener("abort", stop, { once: true });
    // Stays: an error after the handshake must find somebody who listens.
    socket.on("error", (error) => reject(cannotCommunicate(error)));
    socket.once("secureConnect", () => resolve(socket));
  });
}

function isTrusted(socket: tls.TLSSocket, hostname: string, thumbprints: readonly string[], now: number): boolean {
  if (socket.authorized) return true;
  const chain = chainOf(socket);
  const [leaf] = chain;
  if (!leaf || tls.checkServerIdentity(hostname, socket.getPeerCertificate()) !== undefined) return false;
  const valid = chain.every((certificate, i) => {
    const issuer = chain[i + 1];
    const current = certificate.validFromDate.getTime() <= now && now <= certificate.validToDate.getTime();
    return (
      current && (!issuer || (issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)))
    );
  });
  const top = chain.at(-1)!.fingerprint.replaceAll(":", "").toLowerCase();
  return valid && thumbprints.some((thumbprint) => thumbprint.toLowerCase() === top);
}

function chainOf(socket: tls.TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw && chain.length < longestChain) {
    const certificate = new X509Certificate(next.raw);
    if (chain.some(({ fingerprint256 }) => fingerprint256 === certificate.fingerprint256)) break;
    chain.push(certificate);
    next = next.issuerCertificate;
  }
  return chain;
}

function get(url: URL, socket: tls.TLSSocket, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      createConnection: () => socket,
      signal,
      headers: { accept: "application/json", connection: "close" },
    });
    sent.once("error", (error) => reject(cannotCommunicate(error)));
    sent.once("response", (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > longestBody) response.destroy(new Error("too long"));
        else chunks.push(chunk);
      });
      response.once("error", (error) => reject(cannotCommunicate(error)));
      response.once("end", () => {
        if ((response.statusCode ?? 500) >= 500) return reject(cannotCommunicate(`status ${response.statusCode}`));
        if (response.statusCode !== 200) return reject(noVerificationKey());
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")));
        } catch {
          reject(noVerificationKey());
        }
      });
    });
    sent.end();
  });
}
