/**
 * What an account's token issuer publishes, on the API's port to everybody: OpenID Connect's discovery document and the
 * keys that verify the tokens of GetWebIdentityToken. Switched off, an issuer goes on publishing: "this operation does
 * not affect tokens that were issued before". Sources: OpenID Connect Discovery 1.0, section 3; RFC 7517.
 */
import type { Clock } from "#kernel/clock.ts";
import { issuersPath, issuerUrl } from "#gateway/tokenIssuers.ts";
import type { Store } from "#store/contract.ts";
import type { HttpResponse } from "#wire/contract.ts";
import type { TokenIssuer } from "../services/iam/state.ts";
import { algorithms, publishedKeys } from "../services/sts/tokenKeys.ts";

const path = /^([0-9a-f-]{36})\/\.well-known\/(openid-configuration|jwks\.json)$/;

export class TokenIssuers {
  readonly #store: Store;
  readonly #endpoint: string;
  readonly #clock: Clock;

  /** `clock`: the one that verifiers share. */
  constructor(store: Store, endpoint: string, clock: Clock) {
    this.#store = store;
    this.#endpoint = endpoint;
    this.#clock = clock;
  }

  /** `undefined` for paths of anything else. */
  answer(method: string, asked: string): Promise<HttpResponse> | undefined {
    if (!asked.startsWith(issuersPath)) return undefined;
    const found = method === "GET" ? path.exec(asked.slice(issuersPath.length)) : null;
    return this.#respond(found?.[1], found?.[2]);
  }

  async #respond(id: string | undefined, document: string | undefined): Promise<HttpResponse> {
    const account = id === undefined ? undefined : await this.#accountOf(id);
    if (id === undefined || account === undefined) {
      return { status: 404, headers: { "content-type": "text/plain" }, body: "no such issuer\n" };
    }
    const body =
      document === "jwks.json"
        ? { keys: await publishedKeys(this.#store, account, this.#clock.now()) }
        : discovery(issuerUrl(this.#endpoint, id));
    // Anybody may read it, from any page: it is public by its nature.
    const headers = { "content-type": "application/json", "access-control-allow-origin": "*" };
    return { status: 200, headers, body: JSON.stringify(body) };
  }

  async #accountOf(id: string): Promise<string | undefined> {
    // Across accounts by design: the issuer's id is all that its address says.
    const query = { service: "iam", type: "tokenIssuer", index: "issuer", value: id, limit: 1 };
    const { items } = await this.#store.find<TokenIssuer>(query);
    return items[0]?.key.account;
  }
}

function discovery(issuer: string): object {
  return {
    issuer,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: algorithms,
    claims_supported: ["iss", "aud", "sub", "iat", "exp", "jti"],
  };
}
