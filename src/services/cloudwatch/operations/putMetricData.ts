/** PutMetricData. Source: CloudWatch API Reference. */
import type { CallContext } from "#gateway/context.ts";
import { checkDatum } from "../datum.ts";
import { invalidValue, missing } from "../errors.ts";
import { checkText } from "../metric.ts";
import { recordWrites } from "../recording.ts";
import type { Input, Output } from "../sdk.ts";
import { type Metric, types } from "../state.ts";

const mostData = 1_000;

export async function putMetricData(input: Input<"PutMetricData">, ctx: CallContext): Promise<Output<"PutMetricData">> {
  const namespace = input.Namespace!;
  if (input.EntityMetricData?.length) {
    throw invalidValue("The parameter EntityMetricData is not supported; use MetricData.");
  }
  const data = input.MetricData ?? [];
  if (data.length === 0) throw missing("The parameter MetricData is required.");
  if (data.length > mostData)
    throw invalidValue(`The collection MetricData must not have a size greater than ${mostData}.`);
  // Namespaces of services are theirs; services report through their own stream.
  if (/^AWS\//i.test(namespace)) throw invalidValue(`The value ${namespace} for parameter Namespace is invalid.`);
  checkText(namespace, "Namespace");
  const checked = data.map((datum, index) => checkDatum(datum, `MetricData.member.${index + 1}`, ctx.now));
  const id = await ctx.once("data", async () => ctx.random.uuid());
  const writes = await recordWrites(namespace, checked, ctx.now, id, async (ids) => {
    // A look only: that another call marks the metric active as well is no conflict.
    const found = await ctx.state.getMany<Metric>(types.metric, ids);
    return found.map((document) => document?.value);
  });
  for (const { type, id: documentId, value, expiresAt, fresh } of writes) {
    ctx.state.put(type, documentId, value, { expiresAt, version: fresh ? 0 : "any" });
  }
  return {};
}
