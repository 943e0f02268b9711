/**
 * SSH public keys, signing certificates and service-specific credentials: no service of this installation takes
 * them, so uploading and creating them is refused (NotImplemented), and every user has none. Clients that clean up
 * after a user ask for the lists first. Source: IAM User Guide, "Remove or deactivate an IAM user".
 */
import { requireUser, userOrCaller } from "../entities.ts";
import type { IamHandlers } from "../sdk.ts";
import { iamState } from "../state.ts";

export const otherCredentials = {
  async ListSSHPublicKeys(input, ctx) {
    await userOrCaller(ctx, iamState(ctx), input.UserName);
    return { SSHPublicKeys: [], IsTruncated: false };
  },

  async ListSigningCertificates(input, ctx) {
    await userOrCaller(ctx, iamState(ctx), input.UserName);
    return { Certificates: [], IsTruncated: false };
  },

  async ListServiceSpecificCredentials(input, ctx) {
    if (input.UserName !== undefined) await requireUser(iamState(ctx), input.UserName);
    return { ServiceSpecificCredentials: [], IsTruncated: false };
  },
} satisfies IamHandlers;
