import { defineService } from "#gateway/service.ts";
import { access } from "./access.ts";
import { tellOfExpiry } from "./expiry.ts";
import { certificateHandlers } from "./operations/certificates.ts";
import { configurationHandlers } from "./operations/configuration.ts";
import { importHandlers } from "./operations/importCertificate.ts";
import { tagHandlers } from "./operations/tags.ts";
import type { Sdk } from "./sdk.ts";
import { serviceId } from "./state.ts";

export const service = defineService<Sdk>()({
  id: serviceId,
  operations: { ...certificateHandlers, ...configurationHandlers, ...importHandlers, ...tagHandlers },
  access,
  jobs: [{ name: "expiry", everyMs: 10_000, run: tellOfExpiry }],
});
