/** Everything the edge serves from, as it was last told: documents by ARN, each with where it lives. */
import type { CertificateDocument, FrontEndDocument, ListenerDocument, TargetGroupDocument } from "./config.ts";
import type { LoadedCertificate } from "./tlsContexts.ts";

export interface Placed<T> {
  account: string;
  region: string;
  value: T;
}

export interface EdgeDocuments {
  frontEnds: ReadonlyMap<string, Placed<FrontEndDocument>>;
  listeners: ReadonlyMap<string, Placed<ListenerDocument>>;
  targetGroups: ReadonlyMap<string, Placed<TargetGroupDocument>>;
  /** With their private keys revealed. */
  certificates: ReadonlyMap<string, LoadedCertificate>;
  /** Revealed secrets of identity providers' clients, by `ProtectedSecret.bound`. */
  secrets: ReadonlyMap<string, string>;
}

export function loadedCertificate(document: CertificateDocument, privateKey: string): LoadedCertificate {
  const { arn, certificate, chain, names } = document;
  return { arn, privateKey, names, chain: chain === "" ? certificate : `${certificate.trimEnd()}\n${chain}` };
}
