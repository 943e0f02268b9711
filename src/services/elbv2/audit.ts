/** A client secret of an identity provider is no part of a record: the model does not call it sensitive, we do. */
import { auditView } from "#gateway/auditView.ts";
import type { AuditDetail, ServiceDefinition } from "#gateway/service.ts";
import { loadModel } from "#model/load.ts";
import type { GivenAction, Sdk } from "./sdk.ts";
import { serviceId } from "./state.ts";

const hidden = "HIDDEN_DUE_TO_SECURITY_REASONS";

function withoutSecret(action: GivenAction): GivenAction {
  const { AuthenticateOidcConfig: oidc } = action;
  if (oidc?.ClientSecret === undefined) return action;
  return { ...action, AuthenticateOidcConfig: { ...oidc, ClientSecret: hidden } };
}

function recorded(operation: string, input: object, members: Record<string, GivenAction[] | undefined>): AuditDetail {
  const shape = loadModel(serviceId).operations.get(operation)!.input;
  const given = Object.entries(members).filter((entry): entry is [string, GivenAction[]] => entry[1] !== undefined);
  const clean = Object.fromEntries(given.map(([name, actions]) => [name, actions.map(withoutSecret)]));
  return { requestParameters: auditView(shape, { ...input, ...clean }) };
}

export const audit: NonNullable<ServiceDefinition<Sdk>["audit"]> = {
  CreateListener: (input) => recorded("CreateListener", input, { DefaultActions: input.DefaultActions }),
  ModifyListener: (input) => recorded("ModifyListener", input, { DefaultActions: input.DefaultActions }),
  CreateRule: (input) => recorded("CreateRule", input, { Actions: input.Actions }),
  ModifyRule: (input) => recorded("ModifyRule", input, { Actions: input.Actions }),
};
