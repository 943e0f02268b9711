/** Encryption by default, of an account and Region. Source: EBS User Guide, "Enable Amazon EBS encryption by default". */
import type { CallContext } from "#gateway/context.ts";
import { ebsTypes, type EbsSettings, settingsId } from "./state.ts";

export async function settingsOf(ctx: CallContext): Promise<EbsSettings> {
  return (await ctx.state.get<EbsSettings>(ebsTypes.settings, settingsId))?.value ?? { encryptByDefault: false };
}

export function saveSettings(ctx: CallContext, settings: EbsSettings): void {
  ctx.state.put(ebsTypes.settings, settingsId, settings);
}
