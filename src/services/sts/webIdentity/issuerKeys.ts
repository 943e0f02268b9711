/**
 * Public keys of OpenID Connect issuers, from their discovery documents.
 * Source: OpenID Connect Discovery 1.0, sections 3 and 4; RFC 7517.
 */
import { createPublicKey, type KeyObject, type webcrypto } from "node:crypto";
import type { Clock } from "#kernel/clock.ts";
import type { OidcProviderFacts } from "#gateway/identity.ts";
import { noVerificationKey } from "./errors.ts";
import { fits, type Jwt } from "./jwt.ts";
import { readProviderJson } from "./providerConnection.ts";

type PublishedKey = webcrypto.JsonWebKey & { kid?: string; use?: string; alg?: string };

interface Known {
  keys: readonly PublishedKey[];
  fetchedAt: number;
}

/** How long published keys are used without looking again. */
const lifetimeMs = 5 * 60 * 1000;
/** An unknown key id makes us look again, but not more often than this. */
const againMs = 5 * 1000;
/** Issuers that are remembered. */
const capacity = 1000;

export class IssuerKeys {
  readonly clock: Clock;
  readonly #known = new Map<string, Known>();
  readonly #fetching = new Map<string, Promise<Known>>();

  /** `clock`: the one that issuers share, not the installation's, which may have been moved. */
  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The key that signed the token. @throws InvalidIdentityToken, IDPCommunicationError */
  async keyFor(provider: OidcProviderFacts, token: Jwt): Promise<KeyObject> {
    const now = this.clock.now();
    // What was fetched under other thumbprints was believed for other reasons.
    const name = [provider.url, ...provider.thumbprints].join(" ");
    const known = this.#known.get(name);
    let found = known && now - known.fetchedAt < lifetimeMs ? choose(known.keys, token) : undefined;
    if (!found && (!known || now - known.fetchedAt >= againMs)) {
      found = choose((await this.#fetch(name, provider, now)).keys, token);
    }
    if (!found) throw noVerificationKey();
    try {
      return createPublicKey({ key: found, format: "jwk" });
    } catch {
      throw noVerificationKey();
    }
  }

  /** Calls that wait for the same issuer wait for one request. */
  #fetch(name: string, provider: OidcProviderFacts, now: number): Promise<Known> {
    const running = this.#fetching.get(name);
    if (running) return running;
    const fetching = fetchKeys(provider, now)
      .then((keys) => {
        const known = { keys, fetchedAt: now };
        if (this.#known.size >= capacity) this.#known.clear();
        this.#known.set(name, known);
        return known;
      })
      .finally(() => this.#fetching.delete(name));
    this.#fetching.set(name, fetching);
    return fetching;
  }
}

/** The one key that can have made the signature; several without a key id to tell them apart are none. */
function choose(keys: readonly PublishedKey[], { alg, kid }: Jwt): PublishedKey | undefined {
  const fitting = keys.filter((key) => fits(alg, key) && (kid === undefined || key.kid === kid));
  return fitting.length === 1 ? fitting[0] : undefined;
}

async function fetchKeys({ url, thumbprints }: OidcProviderFacts, now: number): Promise<readonly PublishedKey[]> {
  const issuer = `https://${url}`;
  const discovery = (await readProviderJson(
    new URL(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`),
    thumbprints,
    now,
  )) as { issuer?: unknown; jwks_uri?: unknown } | null;
  if (discovery?.issuer !== issuer || typeof discovery.jwks_uri !== "string") throw noVerificationKey();
  const address = URL.parse(discovery.jwks_uri);
  if (address?.protocol !== "https:") throw noVerificationKey();
  const set = (await readProviderJson(address, thumbprints, now)) as { keys?: unknown } | null;
  if (!Array.isArray(set?.keys)) throw noVerificationKey();
  return set.keys.filter((key): key is PublishedKey => typeof key === "object" && key !== null);
}
