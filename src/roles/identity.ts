/** Joins what IAM, STS and Organizations know into the one identity source that the gateway asks. */
import { systemRandom } from "#kernel/ids.ts";
import type { Clock } from "#kernel/clock.ts";
import type { Logger } from "#kernel/log.ts";
import type { Credential, IdentitySource, PolicySet } from "#gateway/identity.ts";
import type { KeyHolder } from "#keys/contract.ts";
import type { Store } from "#store/contract.ts";
import { createRegionIdentity } from "../services/account/optedRegions.ts";
import { createIamDirectory } from "../services/iam/directory.ts";
import { createIamIdentity } from "../services/iam/identitySource.ts";
import { createOrganizationIdentity } from "../services/organizations/identitySource.ts";
import { createSessionIdentity } from "../services/sts/identitySource.ts";

export interface JoinedIdentity extends IdentitySource {
  close(): Promise<void>;
}

export function joinIdentity(parts: {
  store: Store;
  keys: KeyHolder;
  clock: Clock;
  log: Logger;
  ownRegion: string;
}): JoinedIdentity {
  const iam = createIamIdentity({ ...parts, random: systemRandom });
  const directory = createIamDirectory({ ...parts, random: systemRandom });
  const sessions = createSessionIdentity(parts);
  const organizations = createOrganizationIdentity(parts);
  const regions = createRegionIdentity({ ...parts, own: parts.ownRegion });

  async function session(accessKeyId: string): Promise<Credential | undefined> {
    const credential = await sessions.credential(accessKeyId);
    if (!credential || !("account" in credential.principal)) return credential;
    const ended = await iam.sessionEnded(credential.principal.account, accessKeyId);
    return ended ? { ...credential, status: "Expired" } : credential;
  }

  async function policies(principal: Parameters<IdentitySource["policies"]>[0]): Promise<PolicySet> {
    const own = await iam.policies(principal);
    const accessKeyId = "accessKeyId" in principal ? principal.accessKeyId : undefined;
    const session = accessKeyId?.startsWith("ASIA") ? await sessions.sessionPolicies(accessKeyId) : undefined;
    const serviceControl = "account" in principal ? await organizations.serviceControl(principal.account) : undefined;
    return {
      ...own,
      ...(session && session.length > 0 ? { session } : {}),
      ...(serviceControl ? { serviceControl } : {}),
    };
  }

  return {
    ...directory,
    credential: (accessKeyId) => (accessKeyId.startsWith("ASIA") ? session(accessKeyId) : iam.credential(accessKeyId)),
    policies,
    resourceControl: (account) => organizations.resourceControl(account),
    organization: (account) => organizations.organization(account),
    touched: (principal, service, action, region, at) => iam.touched(principal, service, action, region, at),
    accountStatus: (account) => iam.accountStatus(account),
    regionEnabled: (account, region) => regions.regionEnabled(account, region),
    async close() {
      regions.close();
      organizations.close();
      await iam.close();
    },
  };
}
