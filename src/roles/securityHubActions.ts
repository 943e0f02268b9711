/**
 * `POST /_jikimi/console/api/security-hub-events`: what AWS's console does with custom actions of Security Hub, and no API
 * does. `{ region, actionTargetArn, findings: [{ Id, ProductArn }] }` sends findings, `{ region, actionTargetArn, insightArn }`
 * the results of an insight; as whoever has signed in, with the permissions `securityhub:SendFindingEvents` and
 * `securityhub:SendInsightEvents`, and on the account's record.
 */
import { AwsError } from "#kernel/errors.ts";
import { execute } from "#gateway/execute.ts";
import type { CallSource, Runtime } from "#gateway/runtime.ts";
import type { OperationModel, ServiceModel, Shape } from "#model/types.ts";
import { sending } from "../services/securityhub/sending.ts";
import type { Member } from "../services/signin/contract.ts";

const callMs = 30_000;
const nothing: Shape = { name: "Nothing", kind: "structure", members: [], byName: new Map() };

type Body = Readonly<Record<string, unknown>>;

export function securityHubActions(
  runtime: Runtime,
): (body: Body, principal: Member, source: CallSource) => Promise<Record<string, unknown>> {
  const own: Runtime = { ...runtime, services: new Map([[sending.id, sending]]) };
  const service = modelOf(runtime.model(sending.id));
  return async (body, principal, source) => {
    const { region, actionTargetArn: ActionTargetArn, findings: FindingIdentifiers, insightArn: InsightArn } = body;
    if (typeof region !== "string" || !/^[a-z]{2}(-[a-z]+)+-\d$/.test(region)) {
      throw new AwsError("InvalidRequest", "region must name a Region.", 400);
    }
    const ofInsight = InsightArn !== undefined;
    return await execute(own, {
      service,
      operation: ofInsight ? "SendInsightEvents" : "SendFindingEvents",
      input: ofInsight ? { ActionTargetArn, InsightArn } : { ActionTargetArn, FindingIdentifiers },
      principal,
      account: principal.account,
      region,
      requestId: runtime.random.uuid(),
      source,
      signal: AbortSignal.timeout(callMs),
    });
  };
}

/** Security Hub's model with the two operations that only its console has. */
function modelOf(model: ServiceModel): ServiceModel {
  const operation = (name: string): [string, OperationModel] => [
    name,
    { name, input: nothing, output: nothing, http: { method: "POST", uri: "/", status: 200 } },
  ];
  return { ...model, operations: new Map([...sending.operations.keys()].map(operation)) };
}
