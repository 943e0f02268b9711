/** What is served of each model: the data behind `jikimi coverage`, `/_jikimi/coverage` and docs/coverage.md. */
import { loadModel, modelIds } from "#model/load.ts";
import type { AdminCoverage } from "./adminContract.ts";
import { services } from "./services.ts";

export function coverage(): AdminCoverage {
  const served = new Map(services.map((service) => [service.id, service]));
  return {
    services: modelIds().map((id) => {
      const operations = [...loadModel(id).operations.keys()].toSorted();
      const handlers = served.get(id)?.operations;
      return {
        id,
        implemented: operations.filter((name) => handlers?.has(name)),
        missing: operations.filter((name) => !handlers?.has(name)),
      };
    }),
  };
}
