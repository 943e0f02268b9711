/** Private keys and client secrets of the documents, revealed by the key holder and kept in memory. */
import type { Logger } from "#kernel/log.ts";
import {
  edgeDocument,
  type CertificateDocument,
  type FrontEndDocument,
  type ListenerDocument,
  type ProtectedSecret,
  type TargetGroupDocument,
} from "./config.ts";
import { loadedCertificate, type EdgeDocuments, type Placed } from "./documents.ts";
import type { KnownDocument } from "./feed.ts";
import type { LoadedCertificate } from "./tlsContexts.ts";

/** What the edge needs of the key holder. */
export interface Revealer {
  reveal(purpose: string, bound: string, protectedSecret: Uint8Array): Promise<Uint8Array>;
}

/** By the protected text, so that what was changed is revealed anew. */
export type Secrets = Map<string, string>;

export class Revealed {
  readonly secrets: Secrets = new Map();
  readonly #keys: Revealer;
  readonly #log: Logger;
  readonly #placed = new WeakMap<object, Placed<unknown>>();
  readonly #certificates = new WeakMap<object, LoadedCertificate>();

  constructor(keys: Revealer, log: Logger) {
    this.#keys = keys;
    this.#log = log;
  }

  /** Reveals what is not known yet; false when something could not be, so that it is tried again. */
  async reveal(documents: Iterable<KnownDocument>): Promise<boolean> {
    let complete = true;
    const wanted = new Set<string>();
    for (const document of documents) {
      for (const secret of secretsOf(document)) {
        wanted.add(secret.value);
        if (this.secrets.has(secret.value)) continue;
        try {
          const { purpose, bound, value } = secret;
          const text = await this.#keys.reveal(purpose, bound, Buffer.from(value, "base64"));
          this.secrets.set(value, Buffer.from(text).toString());
        } catch (error) {
          complete = false;
          this.#log.warn({ err: error, id: document.key.id }, "a secret of the configuration cannot be revealed yet");
        }
      }
    }
    for (const value of this.secrets.keys()) if (complete && !wanted.has(value)) this.secrets.delete(value);
    return complete;
  }

  /** The documents as the edge takes them. The same document gives the same object, so that nothing is made anew for it. */
  documents(known: Iterable<KnownDocument>): EdgeDocuments {
    const frontEnds = new Map<string, Placed<FrontEndDocument>>();
    const listeners = new Map<string, Placed<ListenerDocument>>();
    const targetGroups = new Map<string, Placed<TargetGroupDocument>>();
    const certificates = new Map<string, LoadedCertificate>();
    const secrets = new Map<string, string>();
    for (const document of known) {
      const { type, id } = document.key;
      for (const { bound, value } of secretsOf(document)) {
        const text = this.secrets.get(value);
        if (text !== undefined) secrets.set(bound, text);
      }
      if (type === edgeDocument.frontEnd) frontEnds.set(id, this.#place(document));
      else if (type === edgeDocument.listener) listeners.set(id, this.#place(document));
      else if (type === edgeDocument.targetGroup) targetGroups.set(id, this.#place(document));
      else if (type === edgeDocument.certificate) {
        const loaded = this.#load(document.value as CertificateDocument);
        if (loaded) certificates.set(id, loaded);
      }
    }
    return { frontEnds, listeners, targetGroups, certificates, secrets };
  }

  #place<T>({ key, value }: KnownDocument): Placed<T> {
    const object = value as object;
    let placed = this.#placed.get(object);
    if (!placed) this.#placed.set(object, (placed = { account: key.account, region: key.region, value }));
    return placed as Placed<T>;
  }

  #load(document: CertificateDocument): LoadedCertificate | undefined {
    const privateKey = this.secrets.get(document.privateKey.value);
    if (privateKey === undefined) return undefined;
    let loaded = this.#certificates.get(document);
    if (!loaded) this.#certificates.set(document, (loaded = loadedCertificate(document, privateKey)));
    return loaded;
  }
}

function secretsOf({ key, value }: KnownDocument): ProtectedSecret[] {
  if (key.type === edgeDocument.certificate) return [(value as CertificateDocument).privateKey];
  if (key.type !== edgeDocument.listener) return [];
  return (value as ListenerDocument).rules
    .flatMap(({ actions }) => actions)
    .flatMap((action) => (action.type === "authenticate-oidc" ? [action.oidc.clientSecret] : []));
}
