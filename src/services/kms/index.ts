import { defineService, type Service } from "#gateway/service.ts";
import type { XksSettings } from "#keys/stores/xksTransport.ts";
import { audit } from "./auditRows.ts";
import { jobs } from "./jobs.ts";
import { connectingJob } from "./keyStores/connecting.ts";
import { ExternalKeys } from "./keyStores/externalKeys.ts";
import { HsmKeys } from "./keyStores/hsmKeys.ts";
import type { KeyStorePlane } from "./keyStores/hsmSessions.ts";
import { Material } from "./keyStores/material.ts";
import { aliasAccess, aliasHandlers } from "./operations/aliases.ts";
import { cryptographyAccess, cryptographyHandlers } from "./operations/cryptography.ts";
import { customKeyStoreAccess, customKeyStoreHandlers } from "./operations/customKeyStores.ts";
import { dataKeyAccess, dataKeyHandlers } from "./operations/dataKeys.ts";
import { grantAccess, grantHandlers } from "./operations/grants.ts";
import { keyAccessRows, keyHandlers } from "./operations/keys.ts";
import { keyStateAccess, keyStateHandlers } from "./operations/keyStates.ts";
import { dataKeyPairAccess, dataKeyPairHandlers } from "./operations/dataKeyPairs.ts";
import { macAccess, macHandlers } from "./operations/macs.ts";
import { publicKeyAccess, publicKeyHandlers } from "./operations/publicKeys.ts";
import { signatureAccess, signatureHandlers } from "./operations/signatures.ts";
import { lastUsageAccess, lastUsageHandlers } from "./operations/lastUsage.ts";
import { importAccess, importHandlers } from "./operations/imports.ts";
import { multiRegionAccess, multiRegionHandlers } from "./operations/multiRegion.ts";
import { policyAccess, policyHandlers } from "./operations/policies.ts";
import { rotationAccess, rotationHandlers } from "./operations/rotation.ts";
import { tagAccess, tagHandlers } from "./operations/tags.ts";
import type { Sdk } from "./sdk.ts";
import { usageReactor } from "./usage.ts";

/**
 * @param xks how external key store proxies are reached
 * @param plane where CloudHSM clusters are; absent where none are served
 */
export function kmsService(xks: XksSettings, plane?: KeyStorePlane): Service {
  const material = new Material(new ExternalKeys(xks), new HsmKeys(plane));
  return defineService<Sdk>()({
    id: "kms",
    operations: {
      ...keyHandlers(material),
      ...keyStateHandlers,
      ...policyHandlers,
      ...aliasHandlers,
      ...tagHandlers,
      ...cryptographyHandlers(material),
      ...dataKeyHandlers(material),
      ...dataKeyPairHandlers(material),
      ...macHandlers,
      ...signatureHandlers,
      ...publicKeyHandlers,
      ...rotationHandlers,
      ...importHandlers,
      ...multiRegionHandlers,
      ...grantHandlers,
      ...lastUsageHandlers,
      ...customKeyStoreHandlers(material),
    },
    access: {
      ...keyAccessRows,
      ...keyStateAccess,
      ...policyAccess,
      ...aliasAccess,
      ...tagAccess,
      ...cryptographyAccess,
      ...dataKeyAccess,
      ...dataKeyPairAccess,
      ...macAccess,
      ...signatureAccess,
      ...publicKeyAccess,
      ...rotationAccess,
      ...importAccess,
      ...multiRegionAccess,
      ...grantAccess,
      ...lastUsageAccess,
      ...customKeyStoreAccess,
    },
    audit,
    jobs: [...jobs(material.hsm), ...(plane ? [connectingJob(plane)] : [])],
    reactors: [usageReactor],
  });
}
