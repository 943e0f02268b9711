/**
 * What logs and samples show of a request: redacted fields of the logging configuration, and the data protection of the
 * web ACL, which also holds for samples.
 * Source: AWS WAF Developer Guide, "Configuring logging … redacted fields", "Data protection".
 */
import { createHash } from "node:crypto";
import type { DataProtectionConfig } from "@aws-sdk/client-wafv2";
import type { FieldToMatch } from "./model.ts";
import { lowerAscii } from "./transforms/bytes.ts";

type Show = (value: string) => string;

const asIs: Show = (value) => value;
const redacted: Show = () => "REDACTED";
const hashed: Show = (value) => createHash("sha256").update(value, "latin1").digest("hex");

export class Redaction {
  method: Show = asIs;
  uri: Show = asIs;
  query: Show = asIs;
  body: Show = asIs;
  /** Details of matches and rates show what a rule saw: these fields are kept out of them, too. */
  readonly #detailFields = new Map<string, Show>();
  readonly #headers = new Map<string, Show>();
  readonly #cookies = new Map<string, Show>();
  readonly #arguments = new Map<string, Show>();

  constructor(fields: readonly FieldToMatch[] | undefined, protection: DataProtectionConfig | undefined) {
    for (const field of fields ?? []) {
      if (field.Method) this.method = redacted;
      if (field.UriPath) this.uri = redacted;
      if (field.QueryString) this.query = redacted;
      if (field.SingleHeader) this.#headers.set(field.SingleHeader.Name!.toLowerCase(), redacted);
    }
    for (const { Field, Action, ExcludeRuleMatchDetails } of protection?.DataProtections ?? []) {
      const show = Action === "HASH" ? hashed : redacted;
      const keys = Field!.FieldKeys ?? [];
      const locations = detailLocations[Field!.FieldType!];
      if (ExcludeRuleMatchDetails !== true) {
        for (const location of locations) {
          if (keys.length === 0) this.#detailFields.set(location, show);
          for (const key of keys) this.#detailFields.set(`${location}/${lowerAscii(key)}`, show);
        }
      }
      if (Field!.FieldType === "BODY") this.body = show;
      if (Field!.FieldType === "QUERY_STRING") this.query = show;
      const into = {
        SINGLE_HEADER: this.#headers,
        SINGLE_COOKIE: this.#cookies,
        SINGLE_QUERY_ARGUMENT: this.#arguments,
        BODY: undefined,
        QUERY_STRING: undefined,
      }[Field!.FieldType!];
      for (const key of keys) into?.set(lowerAscii(key), show);
    }
  }

  header(name: string, value: string): string {
    const key = lowerAscii(name);
    const show = this.#headers.get(key);
    if (show) return show(value);
    return key === "cookie" && this.#cookies.size > 0 ? pairs(value, ";", "; ", this.#cookies) : value;
  }

  arguments(query: string): string {
    if (this.query !== asIs) return this.query(query);
    return this.#arguments.size === 0 ? query : pairs(query, "&", "&", this.#arguments);
  }

  /** Of what a detector found. */
  detail(location: string, name: string | undefined): Show {
    return this.#detailFields.get(location) ?? this.#detailFields.get(`${location}/${lowerAscii(name ?? "")}`) ?? asIs;
  }
}

const detailLocations = {
  BODY: ["BODY", "JSON_BODY"],
  QUERY_STRING: ["QUERY_STRING", "ALL_QUERY_ARGS", "SINGLE_QUERY_ARG"],
  SINGLE_HEADER: ["HEADER"],
  SINGLE_COOKIE: ["COOKIE"],
  SINGLE_QUERY_ARGUMENT: ["ALL_QUERY_ARGS", "SINGLE_QUERY_ARG"],
} as const;

function pairs(text: string, separator: string, joint: string, shown: ReadonlyMap<string, Show>): string {
  return text
    .split(separator)
    .map((part) => {
      const at = part.indexOf("=");
      const show = at < 0 ? undefined : shown.get(lowerAscii(part.slice(0, at).trim()));
      return show ? `${part.slice(0, at + 1).trimStart()}${show(part.slice(at + 1))}` : part.trim();
    })
    .join(joint);
}
