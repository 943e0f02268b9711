/**
 * Errors of Organizations: codes, reasons and texts. All are 400.
 * Source: AWS Organizations API Reference, the "Errors" of each action; texts as the reference gives them.
 */
import type {
  ConstraintViolationExceptionReason,
  HandshakeConstraintViolationExceptionReason,
  InvalidInputExceptionReason,
} from "@aws-sdk/client-organizations";
import { AwsError } from "#kernel/errors.ts";

const texts = {
  AccessDeniedException: "You don't have permissions to access this resource.",
  AWSOrganizationsNotInUseException: "Your account is not a member of an organization.",
  AccountAlreadyClosedException: "You attempted to close an account that is already closed.",
  AccountAlreadyRegisteredException: "The provided account is already a delegated administrator for your organization.",
  AccountNotFoundException: "You specified an account that doesn't exist.",
  AccountNotRegisteredException:
    "The provided account is not a registered delegated administrator for your organization.",
  AlreadyInOrganizationException: "The provided account is already a member of an organization.",
  ChildNotFoundException: "You specified a child that doesn't exist.",
  ConflictException: "The request failed because it conflicts with the current state of the specified resource.",
  CreateAccountStatusNotFoundException: "You specified a create account request ID that doesn't exist.",
  DestinationParentNotFoundException: "You specified a destination parent that doesn't exist.",
  DuplicateAccountException: "The account is already present in the specified destination parent.",
  DuplicateHandshakeException:
    "A handshake with the same action and target already exists. Cancel the open handshake before you send another.",
  DuplicateOrganizationalUnitException: "An OU with the same name already exists.",
  DuplicatePolicyAttachmentException: "The selected policy is already attached to the specified target.",
  DuplicatePolicyException: "A policy with the same name already exists.",
  HandshakeAlreadyInStateException: "The specified handshake is already in the requested state.",
  HandshakeNotFoundException: "You specified a handshake that doesn't exist.",
  InvalidHandshakeTransitionException: "You can't perform the operation on the handshake in its current state.",
  MalformedPolicyDocumentException:
    "The provided policy document does not meet the requirements of the specified policy type.",
  MasterCannotLeaveOrganizationException:
    "You can't remove a management account from an organization. If you want the management account to become a member account in another organization, you must first delete the current organization of the management account.",
  OrganizationNotEmptyException:
    "The organization isn't empty. To delete an organization, you must first remove all accounts except the management account.",
  OrganizationalUnitNotEmptyException:
    "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child OUs, and try the operation again.",
  OrganizationalUnitNotFoundException: "You specified an organizational unit that doesn't exist.",
  ParentNotFoundException: "You specified parent that doesn't exist.",
  PolicyInUseException:
    "The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.",
  PolicyNotAttachedException: "The policy isn't attached to the specified target in the specified root.",
  PolicyNotFoundException: "You specified a policy that doesn't exist.",
  PolicyTypeAlreadyEnabledException: "The specified policy type is already enabled.",
  PolicyTypeNotAvailableForOrganizationException:
    "You can't use the specified policy type with the feature set currently enabled for this organization.",
  PolicyTypeNotEnabledException: "This operation can be performed only for enabled policy types.",
  ResourcePolicyNotFoundException: "You specified a resource policy that doesn't exist.",
  RootNotFoundException: "You specified a root that doesn't exist.",
  SourceParentNotFoundException: "You specified a source root or OU that doesn't exist.",
  TargetNotFoundException: "You specified a target that doesn't exist.",
} as const;

export function fault(code: keyof typeof texts, message: string = texts[code]): AwsError {
  return new AwsError(code, message, 400);
}

export function constraint(reason: ConstraintViolationExceptionReason, message: string): AwsError {
  return new AwsError("ConstraintViolationException", message, 400, { fields: { Reason: reason } });
}

export function handshakeConstraint(reason: HandshakeConstraintViolationExceptionReason, message: string): AwsError {
  return new AwsError("HandshakeConstraintViolationException", message, 400, { fields: { Reason: reason } });
}

export function invalidInput(
  reason: InvalidInputExceptionReason,
  message = "You provided a value that does not match the required pattern.",
): AwsError {
  return new AwsError("InvalidInputException", message, 400, { fields: { Reason: reason } });
}
