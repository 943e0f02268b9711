/**
 * The certificates that notifications of SNS name as their `SigningCertURL`, served on the API's port to everybody. Each
 * is issued once, when it is first asked for, under the authority of this installation (`<data>/tls/ca.pem`).
 */
import { Conflict, type Store } from "#store/contract.ts";
import type { HttpResponse } from "#wire/contract.ts";
import type { SignerDocument } from "../services/sns/signer.ts";
import { issueSigningCertificate } from "./tlsIdentity.ts";

const dayMs = 86_400_000;
/** A key signs for 300 days; its last notifications can be verified for as long again. */
const validMs = 600 * dayMs;
const name = /^\/SimpleNotificationService-([0-9a-f]{32})\.pem$/;

export class SigningCertificates {
  readonly #dataDir: string;
  readonly #store: Store;

  constructor(dataDir: string, store: Store) {
    this.#dataDir = dataDir;
    this.#store = store;
  }

  /** `undefined` for paths of anything else. */
  answer(method: string, path: string): Promise<HttpResponse> | undefined {
    const id = method === "GET" ? name.exec(path)?.[1] : undefined;
    return id === undefined ? undefined : this.#respond(id);
  }

  async #respond(id: string): Promise<HttpResponse> {
    const pem = await this.#certificate(id);
    if (pem === undefined)
      return { status: 404, headers: { "content-type": "text/plain" }, body: "no such certificate\n" };
    return { status: 200, headers: { "content-type": "application/x-pem-file" }, body: pem };
  }

  async #certificate(id: string): Promise<string | undefined> {
    // The Region is not in the address; there are few keys.
    const query = { account: "000000000000", service: "sns", type: "signer", prefix: id, limit: 10 };
    const { items } = await this.#store.list<SignerDocument>(query);
    const [found] = items;
    if (!found) return undefined;
    if (found.value.certificate !== undefined) return found.value.certificate;
    const { createdAt, publicKey, region } = found.value;
    const certificate = await issueSigningCertificate(
      this.#dataDir,
      Buffer.from(publicKey, "base64"),
      `CN=sns.${region}.jikimi.internal`,
      { from: createdAt - dayMs, until: createdAt + validMs },
    );
    try {
      const value: SignerDocument = { ...found.value, certificate };
      await this.#store.commit([{ op: "put", key: found.key, value, ifVersion: found.version }]);
      return certificate;
    } catch (error) {
      // Asked for twice at once: the one that was first stands.
      if (!(error instanceof Conflict)) throw error;
      return (await this.#store.get<SignerDocument>(found.key))?.value.certificate;
    }
  }
}
