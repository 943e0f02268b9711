/** Server certificates for load balancers and CloudFront. Source: IAM API reference, UploadServerCertificate …. */
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { AwsError } from "#kernel/errors.ts";
import { entityArn, keyOf, newNamed, readPath } from "../entities.ts";
import { alreadyExists, noSuch } from "../errors.ts";
import { pageOf } from "../paging.ts";
import { tagsOf } from "../render.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState, type IamState, type ServerCertificate } from "../state.ts";
import { protectCertificateKey } from "../serverCertificateKey.ts";
import { readTags } from "../tags.ts";

const malformed = (message: string) => new AwsError("MalformedCertificate", message, 400);
const pemBlock = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

function certificatesIn(pem: string): X509Certificate[] {
  try {
    return (pem.match(pemBlock) ?? []).map((block) => new X509Certificate(block));
  } catch {
    throw malformed("Unable to parse certificate. Please ensure the certificate is in PEM format.");
  }
}

function readPrivateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw malformed(
      "Unable to parse private key. Please ensure the private key is in PEM format and is not encrypted.",
    );
  }
}

/** @throws MalformedCertificate, KeyPairMismatch */
function readCertificate(body: string, key: string, chain: string | undefined): X509Certificate {
  const [leaf, ...more] = certificatesIn(body);
  if (!leaf || more.length > 0) {
    throw malformed("Unable to parse certificate. Please ensure the certificate is in PEM format.");
  }
  if (!leaf.checkPrivateKey(readPrivateKey(key))) {
    throw new AwsError("KeyPairMismatch", "The public key certificate and the private key do not match.", 400);
  }
  if (chain !== undefined) {
    const certificates = certificatesIn(chain);
    const broken = certificates.findIndex((issuer, i) => {
      const subject = i === 0 ? leaf : certificates[i - 1]!;
      return !subject.checkIssued(issuer) || !subject.verify(issuer.publicKey);
    });
    if (certificates.length === 0 || broken >= 0) {
      throw malformed(
        `Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: ${broken - 1}`,
      );
    }
  }
  return leaf;
}

export async function requireServerCertificate(state: IamState, name: string): Promise<ServerCertificate> {
  const certificate = await state.get("serverCertificate", keyOf(name));
  if (certificate?.name !== name) throw noSuch.serverCertificate(name);
  return certificate;
}

const metadata = (certificate: ServerCertificate) => ({
  Path: certificate.path,
  ServerCertificateName: certificate.name,
  ServerCertificateId: certificate.id,
  Arn: certificate.arn,
  UploadDate: new Date(certificate.createdAt),
  Expiration: new Date(certificate.expiresAt),
});

export const serverCertificates = {
  async UploadServerCertificate(input, ctx) {
    const state = iamState(ctx);
    const tags = readTags(input.Tags);
    const named = await newNamed(ctx, state, "serverCertificate", input.ServerCertificateName!, input.Path);
    const leaf = readCertificate(input.CertificateBody!, input.PrivateKey!, input.CertificateChain);
    const certificate: ServerCertificate = {
      ...named,
      body: input.CertificateBody!.trim(),
      ...(input.CertificateChain === undefined ? {} : { chain: input.CertificateChain.trim() }),
      expiresAt: leaf.validToDate.getTime(),
      tags,
      secret: await protectCertificateKey(ctx.keys, named.id, input.PrivateKey!),
    };
    state.put("serverCertificate", keyOf(named.name), certificate);
    return { ServerCertificateMetadata: metadata(certificate), ...tagsOf(tags) };
  },

  async GetServerCertificate(input, ctx) {
    const certificate = await requireServerCertificate(iamState(ctx), input.ServerCertificateName!);
    return {
      ServerCertificate: {
        ServerCertificateMetadata: metadata(certificate),
        CertificateBody: certificate.body,
        ...(certificate.chain === undefined ? {} : { CertificateChain: certificate.chain }),
        Tags: [...certificate.tags],
      },
    };
  },

  async ListServerCertificates(input, ctx) {
    const state = iamState(ctx);
    const { items, paging } = await pageOf(
      input,
      (after, limit) => state.list("serverCertificate", { limit, ...(after === undefined ? {} : { after }) }),
      (certificate) => certificate.path.startsWith(input.PathPrefix ?? "/"),
    );
    return { ServerCertificateMetadataList: items.map(metadata), ...paging };
  },

  async UpdateServerCertificate(input, ctx) {
    const state = iamState(ctx);
    const certificate = await requireServerCertificate(state, input.ServerCertificateName!);
    const name = input.NewServerCertificateName ?? certificate.name;
    const path = input.NewPath === undefined ? certificate.path : readPath(input.NewPath);
    if (keyOf(name) !== keyOf(certificate.name)) {
      if (await state.get("serverCertificate", keyOf(name))) {
        throw alreadyExists(`The Server Certificate with name ${name} already exists.`);
      }
      state.delete("serverCertificate", keyOf(certificate.name));
    }
    const arn = entityArn(ctx.partition, state.account, "serverCertificate", path, name);
    state.put("serverCertificate", keyOf(name), { ...certificate, name, path, arn });
    return {};
  },

  async DeleteServerCertificate(input, ctx) {
    const state = iamState(ctx);
    const certificate = await requireServerCertificate(state, input.ServerCertificateName!);
    state.delete("serverCertificate", keyOf(certificate.name));
    return {};
  },
} satisfies IamHandlers;
