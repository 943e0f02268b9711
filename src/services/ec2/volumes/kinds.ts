/**
 * Volume types and their limits. Source: EC2 API Reference, CreateVolume (sizes, IOPS, throughput); EBS User Guide,
 * "Amazon EBS volume types" (ratios, baselines); texts as AWS answers them, quoted in issues of
 * hashicorp/terraform-provider-aws and kubernetes-sigs/aws-ebs-csi-driver.
 */
import { failure, invalidCombination, invalidValue, missing } from "../errors.ts";
import type { Shape, VolumeKind } from "./state.ts";

interface KindRow {
  /** GiB. */
  least: number;
  most: number;
  iops?: {
    least: number;
    most: number;
    /** IOPS for each GiB at most. */
    ratio: number;
    fallback?: number;
  };
  throughput?: { least: number; most: number; fallback: number };
  multiAttach?: true;
}

export const kindRows: Readonly<Record<VolumeKind, KindRow>> = {
  standard: { least: 1, most: 1024 },
  gp2: { least: 1, most: 16_384 },
  gp3: {
    least: 1,
    most: 65_536,
    iops: { least: 3000, most: 80_000, ratio: 500, fallback: 3000 },
    throughput: { least: 125, most: 2000, fallback: 125 },
  },
  io1: { least: 4, most: 16_384, iops: { least: 100, most: 64_000, ratio: 50 }, multiAttach: true },
  io2: { least: 4, most: 65_536, iops: { least: 100, most: 256_000, ratio: 1000 }, multiAttach: true },
  st1: { least: 125, most: 16_384 },
  sc1: { least: 125, most: 16_384 },
};

export const defaultKind: VolumeKind = "gp2";
/** MiB/s for each IOPS at most, of gp3. */
const throughputRatio = 0.25;
/** gp3 has its first IOPS whatever its size. */
const freeIops = 3000;

export interface GivenShape {
  size: number;
  kind: string;
  iops?: number | undefined;
  throughput?: number | undefined;
  multiAttach?: boolean | undefined;
}

/** What a request asks for, with AWS's defaults. @throws InvalidParameterValue, InvalidParameterCombination, MissingParameter */
export function checkShape(given: GivenShape): Shape {
  const kind = requireKind(given.kind);
  const row = kindRows[kind];
  const { size } = given;
  if (size > row.most) {
    throw invalidValue(`Volume of ${size}GiB is too large for volume type ${kind}; maximum is ${row.most}GiB.`);
  }
  if (size < row.least) {
    throw invalidValue(`Volume of ${size}GiB is too small for volume type ${kind}; minimum is ${row.least}GiB.`);
  }
  const iops = checkIops(kind, row, size, given.iops);
  const throughput = checkThroughput(kind, row, iops, given.throughput);
  if (given.multiAttach && !row.multiAttach) {
    throw invalidCombination(`The parameter MultiAttachEnabled is not supported for ${kind} volumes.`);
  }
  return {
    size,
    kind,
    ...(iops === undefined ? {} : { iops }),
    ...(throughput === undefined ? {} : { throughput }),
    multiAttach: given.multiAttach ?? false,
  };
}

function requireKind(kind: string): VolumeKind {
  if (Object.hasOwn(kindRows, kind)) return kind as VolumeKind;
  const known = Object.keys(kindRows).join(", ");
  throw failure(
    "UnknownVolumeType",
    `The specified volume type '${kind}' is unsupported. The supported volume types are ${known}.`,
  );
}

function checkIops(kind: VolumeKind, { iops: limits }: KindRow, size: number, given: number | undefined) {
  if (!limits) {
    if (given === undefined) return undefined;
    throw invalidCombination(`The parameter iops is not supported for ${kind} volumes.`);
  }
  const iops = given ?? limits.fallback;
  if (iops === undefined) throw missing("iops");
  if (iops > limits.most) throw invalidValue(`Volume iops of ${iops} is too high; maximum is ${limits.most}.`);
  if (iops < limits.least) throw invalidValue(`Volume iops of ${iops} is too low; minimum is ${limits.least}.`);
  const free = limits.fallback === undefined ? 0 : freeIops;
  if (iops > free && iops / size > limits.ratio) {
    throw invalidValue(
      `Iops to volume size ratio of ${(iops / size).toFixed(6)} is too high; maximum is ${limits.ratio}.000000 Iops/GiB.`,
    );
  }
  return iops;
}

function checkThroughput(
  kind: VolumeKind,
  { throughput: limits }: KindRow,
  iops: number | undefined,
  given: number | undefined,
): number | undefined {
  if (!limits) {
    if (given === undefined) return undefined;
    throw invalidCombination(`The parameter throughput is not supported for ${kind} volumes.`);
  }
  const throughput = given ?? limits.fallback;
  if (throughput > limits.most) {
    throw invalidValue(`Volume throughput of ${throughput} MiB/s is too high; maximum is ${limits.most} MiB/s.`);
  }
  if (throughput < limits.least) {
    throw invalidValue(`Volume throughput of ${throughput} MiB/s is too low; minimum is ${limits.least} MiB/s.`);
  }
  const ratio = throughput / (iops ?? 1);
  if (ratio > throughputRatio) {
    throw invalidValue(
      `Throughput (MiBps) to iops ratio of ${ratio.toFixed(6)} is too high; maximum is ${throughputRatio.toFixed(6)} MiBps per iops.`,
    );
  }
  return throughput;
}

/** What is shown of IOPS: those of gp2 follow from its size. Source: "3 IOPS per GiB", from 100 to 16,000. */
export function shownIops({ kind, size, iops }: Shape): number | undefined {
  return kind === "gp2" ? Math.min(16_000, Math.max(100, 3 * size)) : iops;
}
