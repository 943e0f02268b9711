/** Whether an operation only reads, by the access level of its IAM action. */
import type { OperationModel, ServiceModel } from "#model/types.ts";
import { accessLevelOf, actionsOf } from "#policy/actions.ts";

/** Every call asks, and the tables it follows from do not change. */
const answers = new WeakMap<OperationModel, boolean>();

export function isReadOnly(service: ServiceModel, operation: string): boolean {
  const model = service.operations.get(operation);
  if (model === undefined) return workedOut(service, operation, undefined);
  let answer = answers.get(model);
  if (answer === undefined) answers.set(model, (answer = workedOut(service, operation, model)));
  return answer;
}

function workedOut(service: ServiceModel, operation: string, model: OperationModel | undefined): boolean {
  const actions = actionsOf(service.iamPrefix, operation, {
    service: service.id,
    ...(model === undefined ? {} : { httpMethod: model.http.method }),
  });
  if (actions.length === 0) return /^(Get|List|Describe|Lookup|Head|Search|Query|Simulate)/.test(operation);
  return actions.every((action) => {
    const level = accessLevelOf(action);
    return level === "Read" || level === "List";
  });
}
