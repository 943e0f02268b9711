/** Which component shows which address; each area is a chunk of its own. */
import { lazy, type ComponentType, type ReactElement } from "react";
import { NotBuilt, NotFound } from "./NotBuilt.tsx";
import { foundation, isBuilt, systems } from "./systems.ts";

/** What follows the area in the address. */
export interface PageProps {
  path: readonly string[];
}

type Area = ComponentType<PageProps>;

const area = (load: () => Promise<{ default: Area }>) => lazy(load);

const areas: Readonly<Record<string, Area>> = {
  iam: area(() => import("../pages/iam/Iam.tsx")),
  "root-user": area(() => import("../pages/iam/RootUser.tsx")),
  s3: area(() => import("../pages/s3/S3.tsx")),
  kms: area(() => import("../pages/kms/Kms.tsx")),
  cloudhsm: area(() => import("../pages/CloudHsm.tsx")),
  ledger: area(() => import("../pages/Ledger.tsx")),
  encryption: area(() => import("../pages/EncryptionMatrix.tsx")),
  "key-types": area(() => import("../pages/kms/KeyTypes.tsx")),
  cloudtrail: area(() => import("../pages/CloudTrail.tsx")),
  organizations: area(() => import("../pages/Organizations.tsx")),
  cloudwatch: area(() => import("../pages/CloudWatch.tsx")),
  sns: area(() => import("../pages/Sns.tsx")),
  sqs: area(() => import("../pages/Sqs.tsx")),
  eventbridge: area(() => import("../pages/EventBridge.tsx")),
  "load-balancers": area(() => import("../pages/LoadBalancers.tsx")),
  acm: area(() => import("../pages/Acm.tsx")),
  waf: area(() => import("../pages/Waf.tsx")),
  guardduty: area(() => import("../pages/GuardDuty.tsx")),
  "security-hub": area(() => import("../pages/SecurityHub.tsx")),
  seal: area(() => import("../pages/Seal.tsx")),
};

const Home = area(() => import("../pages/Home.tsx"));

export function pageFor([first, ...rest]: readonly string[], services: readonly string[]): ReactElement {
  if (first === undefined) return <Home path={[]} />;
  const system = [...systems, ...foundation].find((each) => each.id === first);
  if (!system) return <NotFound />;
  const Found = areas[first];
  if (!Found || !isBuilt(system, services)) return <NotBuilt name={system.name} />;
  return <Found path={rest} />;
}
