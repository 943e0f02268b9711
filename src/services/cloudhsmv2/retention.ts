/** How long backups are kept. Sources: CloudHSM API Reference, BackupRetentionPolicy ("7 - 379"), DeleteBackup ("up to 7 days"). */
import { invalid } from "./errors.ts";
import type { BackupRetentionPolicy } from "./sdk.ts";

export const pendingDeletionMs = 7 * 86_400_000;
const least = 7;
const most = 379;

/** Days. @throws CloudHsmInvalidRequestException */
export function retentionDays({ Type, Value }: BackupRetentionPolicy): number {
  if (Type !== "DAYS" || Value === undefined) {
    throw invalid("BackupRetentionPolicy needs the Type DAYS and a Value.");
  }
  const days = Number(Value);
  if (days < least || days > most)
    throw invalid(`The backup retention period must be between ${least} and ${most} days.`);
  return days;
}
