/**
 * The cluster that a CloudHSM key store is to be in, as its owner sees it, and what it has to be.
 * Sources: KMS API Reference, CreateCustomKeyStore and UpdateCustomKeyStore, "Errors"; KMS Developer Guide, "Create an AWS
 * CloudHSM key store", "Assemble the prerequisites".
 */
import { createHash, X509Certificate } from "node:crypto";
import type { CallContext } from "#gateway/context.ts";
import type { ClusterStatus } from "#hsm/contract.ts";
import { AwsError } from "#kernel/errors.ts";
import { onHsmUse } from "./hsmFailures.ts";
import type { HsmKeys } from "./hsmKeys.ts";

/** Active HSMs, each in a zone of its own, that creating a store or a key needs. */
const neededHsms = 2;

export interface FitCluster {
  id: string;
  certificate: X509Certificate;
}

/**
 * Looked up with the caller's own rights, as AWS does: `cloudhsm:DescribeClusters`.
 * @throws CloudHsmClusterNotFoundException, CloudHsmClusterNotActiveException, CloudHsmClusterInvalidConfigurationException
 */
export async function fitCluster(ctx: CallContext, id: string): Promise<FitCluster> {
  const cluster = await ctx.once(`cluster ${id}`, () => describe(ctx, id));
  if (!cluster || cluster.State === "DELETED" || cluster.State === "DELETE_IN_PROGRESS") throw clusterNotFound();
  const pem = cluster.Certificates?.ClusterCertificate;
  if (cluster.State !== "ACTIVE" || pem === undefined) throw clusterNotActive();
  const zones = new Set(
    (cluster.Hsms ?? []).filter(({ State }) => State === "ACTIVE").map(({ AvailabilityZone }) => AvailabilityZone),
  );
  if (zones.size < neededHsms || Object.keys(cluster.SubnetMapping ?? {}).length < 2) throw unfitCluster();
  return { id, certificate: new X509Certificate(pem) };
}

async function describe(ctx: CallContext, id: string) {
  try {
    const { Clusters } = await ctx.aws.cloudhsmv2.DescribeClusters({ Filters: { clusterIds: [id] } });
    return Clusters?.[0];
  } catch (error) {
    // Where CloudHSM is not served there is no cluster.
    if (error instanceof AwsError && error.code === "NotImplemented") return undefined;
    throw error;
  }
}

/** INVARIANT: whoever makes a store knows who signed the cluster: the anchor is the issuer of its certificate. */
export function requireTrustAnchor({ certificate }: FitCluster, pem: string): void {
  let anchor: X509Certificate;
  try {
    anchor = new X509Certificate(pem);
  } catch {
    throw incorrectTrustAnchor();
  }
  if (!certificate.checkIssued(anchor) || !certificate.verify(anchor.publicKey)) throw incorrectTrustAnchor();
}

/** Clusters that share a backup history have the same one. */
export function fingerprintOf({ certificate }: FitCluster): string {
  return createHash("sha256").update(certificate.raw).digest("hex");
}

/**
 * CreateKey: "the CloudHSM cluster must have at least two active HSMs". Whoever makes a key need not be allowed to see
 * the cluster, so the HSMs themselves are looked at; in which zone each is, they do not say.
 * @throws CloudHsmClusterInvalidConfigurationException, CloudHsmClusterNotActiveException
 */
export async function requireEnoughHsms({ plane }: HsmKeys, clusterId: string): Promise<void> {
  const cluster = await plane?.cluster(clusterId).catch((error: unknown) => {
    throw onHsmUse(error);
  });
  if (!cluster || isUnclaimed(cluster)) throw clusterNotActive();
  if (cluster.hsms.filter(({ alive, inStep }) => alive && inStep).length < neededHsms) throw unfitCluster();
}

/** Not yet initialized, or not yet activated. One without HSMs is neither: what it was is in its backups. */
export function isUnclaimed({ state }: ClusterStatus): boolean {
  return state === "uninitialized" || state === "initialized";
}

export function clusterNotFound(): AwsError {
  return new AwsError(
    "CloudHsmClusterNotFoundException",
    "The request was rejected because AWS KMS cannot find the AWS CloudHSM cluster with the specified cluster ID. Retry the request with a different cluster ID.",
  );
}

export function clusterNotActive(): AwsError {
  return new AwsError(
    "CloudHsmClusterNotActiveException",
    "The request was rejected because the CloudHSM cluster associated with the CloudHSM key store is not active. Initialize and activate the cluster and try the command again.",
  );
}

function unfitCluster(): AwsError {
  return new AwsError(
    "CloudHsmClusterInvalidConfigurationException",
    "The request was rejected because the associated CloudHSM cluster did not meet the configuration requirements for a CloudHSM key store: private subnets in at least two different Availability Zones, and at least two active HSMs, each in a different Availability Zone.",
  );
}

function incorrectTrustAnchor(): AwsError {
  return new AwsError(
    "IncorrectTrustAnchorException",
    "The request was rejected because the trust anchor certificate in the request to create an CloudHSM key store is not the trust anchor certificate for the specified CloudHSM cluster.",
  );
}

export function clusterInUse(): AwsError {
  return new AwsError(
    "CloudHsmClusterInUseException",
    "The request was rejected because the specified CloudHSM cluster is already associated with an CloudHSM key store in the account, or it shares a backup history with an CloudHSM key store in the account. Each CloudHSM key store in the account must be associated with a different CloudHSM cluster.",
  );
}

export function clusterNotRelated(): AwsError {
  return new AwsError(
    "CloudHsmClusterNotRelatedException",
    "The request was rejected because the specified CloudHSM cluster has a different cluster certificate than the original cluster. You cannot use the operation to specify an unrelated cluster for an CloudHSM key store.",
  );
}
