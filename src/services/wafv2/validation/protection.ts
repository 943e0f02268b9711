/** Data protection of a web ACL. Source: AWS WAF API Reference, DataProtectionConfig, FieldToProtect. */
import type { DataProtectionConfig } from "@aws-sdk/client-wafv2";
import { reasons } from "../errors.ts";
import { need } from "./parts.ts";

const keyless = new Set(["QUERY_STRING", "BODY"]);

export function checkProtection(config: DataProtectionConfig | undefined): void {
  for (const { Field } of config?.DataProtections ?? []) {
    const keys = Field?.FieldKeys ?? [];
    const fits = keyless.has(Field?.FieldType ?? "") ? keys.length === 0 : keys.length > 0;
    need(
      fits,
      "DATA_PROTECTION_CONFIG",
      Field?.FieldType ?? "",
      fits ? "" : keyless.has(Field?.FieldType ?? "") ? reasons.formatting : reasons.minimum,
    );
  }
}
