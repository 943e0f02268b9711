/** AWS Security Token Service. Operations that are not here answer NotImplemented. */
import { defineService, type Service } from "#gateway/service.ts";
import { assumeRole, assumeRoleAccess } from "./operations/assumeRole.ts";
import { assumeRoleWithSaml, assumeRoleWithSamlAccess } from "./operations/assumeRoleWithSaml.ts";
import { assumeRoleWithWebIdentity, assumeRoleWithWebIdentityAccess } from "./operations/assumeRoleWithWebIdentity.ts";
import { assumeRoot, assumeRootAccess } from "./operations/assumeRoot.ts";
import { decodeAuthorizationMessage } from "./operations/decodeAuthorizationMessage.ts";
import { getWebIdentityToken, getWebIdentityTokenAccess } from "./operations/getWebIdentityToken.ts";
import { getFederationToken, getFederationTokenAccess, getSessionToken } from "./operations/userSessions.ts";
import { getAccessKeyInfo, getCallerIdentity } from "./operations/whoAmI.ts";
import type { Sts } from "./sdk.ts";
import type { IssuerKeys } from "./webIdentity/issuerKeys.ts";

/** `issuers` remembers what identity providers publish, for as long as the process lives. */
export function stsService(issuers: IssuerKeys): Service {
  return defineService<Sts>()({
    id: "sts",
    operations: {
      AssumeRole: assumeRole,
      AssumeRoleWithSAML: assumeRoleWithSaml(issuers.clock),
      AssumeRoleWithWebIdentity: assumeRoleWithWebIdentity(issuers),
      AssumeRoot: assumeRoot,
      DecodeAuthorizationMessage: decodeAuthorizationMessage,
      GetAccessKeyInfo: getAccessKeyInfo,
      GetCallerIdentity: getCallerIdentity,
      GetFederationToken: getFederationToken,
      GetSessionToken: getSessionToken,
      GetWebIdentityToken: getWebIdentityToken(issuers.clock),
    },
    access: {
      AssumeRole: assumeRoleAccess,
      AssumeRoleWithSAML: assumeRoleWithSamlAccess(issuers.clock),
      AssumeRoleWithWebIdentity: assumeRoleWithWebIdentityAccess(issuers),
      AssumeRoot: assumeRootAccess,
      DecodeAuthorizationMessage: () => ({ action: "sts:DecodeAuthorizationMessage", resource: "*" }),
      GetAccessKeyInfo: () => ({ action: "sts:GetAccessKeyInfo", resource: "*" }),
      // "No permissions are required": neither can be denied. Source: STS API Reference.
      GetCallerIdentity: () => "none",
      GetFederationToken: getFederationTokenAccess,
      GetSessionToken: () => "none",
      GetWebIdentityToken: getWebIdentityTokenAccess,
    },
    audit: {
      // CloudTrail records them as read-only calls, with the credentials' id and expiry but never the secret.
      AssumeRole: (_input, output) => ({ readOnly: true, responseElements: issued(output) }),
      AssumeRoleWithSAML: (_input, output) => ({
        readOnly: true,
        responseElements: output?.Credentials
          ? {
              ...issued(output),
              subject: output.Subject,
              subjectType: output.SubjectType,
              issuer: output.Issuer,
              audience: output.Audience,
              nameQualifier: output.NameQualifier,
              ...(output.SourceIdentity === undefined ? {} : { sourceIdentity: output.SourceIdentity }),
            }
          : null,
      }),
      AssumeRoleWithWebIdentity: (_input, output) => ({ readOnly: true, responseElements: issued(output) }),
      AssumeRoot: (_input, output) => ({ readOnly: true, responseElements: issued(output) }),
      GetSessionToken: (_input, output) => ({ readOnly: true, responseElements: issued(output) }),
      GetFederationToken: (_input, output) => ({ readOnly: true, responseElements: issued(output) }),
    },
  });
}

interface Issued {
  Credentials?: { AccessKeyId?: string | undefined; Expiration?: Date | undefined } | undefined;
  AssumedRoleUser?: { AssumedRoleId?: string | undefined; Arn?: string | undefined } | undefined;
  FederatedUser?: { FederatedUserId?: string | undefined; Arn?: string | undefined } | undefined;
}

function issued(output: Issued | undefined): Record<string, unknown> | null {
  if (!output?.Credentials) return null;
  const { AssumedRoleUser: role, FederatedUser: user, Credentials: credentials } = output;
  return {
    credentials: { accessKeyId: credentials.AccessKeyId, expiration: credentials.Expiration?.toISOString() },
    ...(role ? { assumedRoleUser: { assumedRoleId: role.AssumedRoleId, arn: role.Arn } } : {}),
    ...(user ? { federatedUser: { federatedUserId: user.FederatedUserId, arn: user.Arn } } : {}),
  };
}
