/** Errors about tokens of identity providers. Source: STS API Reference, AssumeRoleWithWebIdentity, "Errors". */
import { AwsError } from "#kernel/errors.ts";

export const invalidToken = (message: string) => new AwsError("InvalidIdentityToken", message, 400);
export const rejectedClaim = (message: string) => new AwsError("IDPRejectedClaim", message, 403);

/** The provider cannot be reached: the one error that is worth trying again. */
export const cannotCommunicate = (cause: unknown) =>
  new AwsError(
    "IDPCommunicationError",
    "The request could not be fulfilled because the identity provider (IDP) that was asked to verify the incoming identity token could not be reached. This is often a transient error caused by network conditions. Retry the request a limited number of times so that you don't exceed the request rate.",
    400,
    { cause },
  );

export const noVerificationKey = () =>
  invalidToken(
    "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
  );
