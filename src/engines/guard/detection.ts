/** What a detection says, and what it is asked with. */
import type { CallRecord } from "./callRecord.ts";

/** The block public access settings of a bucket or an account. */
export interface BlockPublicAccess {
  blockPublicAcls: boolean;
  ignorePublicAcls: boolean;
  blockPublicPolicy: boolean;
  restrictPublicBuckets: boolean;
}

/** The settings that stand over a bucket when the event is looked at; absent ones could not be read. */
export interface BucketBlocks {
  bucket?: BlockPublicAccess;
  account?: BlockPublicAccess;
}

export interface Detection {
  type: string;
  severity: number;
  title: string;
  description: string;
  /** What a finding is about besides its caller; findings of different subjects are different findings. */
  subject?: string;
  /** Bucket whose details the finding shows. */
  bucket?: string;
  /** CloudFormation type → name. */
  affectedResources?: Readonly<Record<string, string>>;
  /** Name of the list that the caller's address was found in. */
  threatList?: string;
  /** There is a finding only if a trail of the account delivers to this bucket. */
  trailBucket?: string;
  /** Asked once the settings over the bucket have been read: whether there is a finding at all. */
  holds?(blocks: BucketBlocks): boolean;
}

/** An account's password policy, as far as it can be weaker or stronger. */
export interface PasswordPolicy {
  minimumLength: number;
  symbols: boolean;
  numbers: boolean;
  uppercase: boolean;
  lowercase: boolean;
  /** Days; 0: passwords do not expire. */
  maximumAge: number;
  /** Remembered passwords; 0: any may be used again. */
  reusePrevention: number;
}

/** What is known beyond the event itself. */
export interface Knowledge {
  /** Whether S3 data events are analysed. */
  s3DataEvents: boolean;
  /** Name of the first active threat list that holds an address. */
  threatListOf(address: string): string | undefined;
  /** The password policy before the event. */
  passwordPolicy: PasswordPolicy;
}

/** One row of the table of detections. INVARIANT: pure; the same record with the same knowledge gives the same. */
export type Detector = (record: CallRecord, knowledge: Knowledge) => Detection | undefined;
