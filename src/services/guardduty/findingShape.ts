/** The finding's own shape, from the API's model: names on the wire, and which members are times. */
import { loadModel } from "#model/load.ts";
import type { Shape } from "#model/types.ts";

export function findingShape(): Shape {
  const output = loadModel("guardduty").operations.get("GetFindings")!.output;
  return output.byName!.get("Findings")!.shape.element!.shape;
}
