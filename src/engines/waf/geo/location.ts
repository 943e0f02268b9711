/**
 * Where addresses are: countries and autonomous systems, out of databases the operator provides. The members that hold
 * them are those of the common databases: `country.iso_code` (GeoLite2, DB-IP) or `country_code` (geo-whois-asn,
 * iptoasn); `autonomous_system_number` or `asn`.
 */
import { NetworkDatabase } from "./mmdb.ts";

export interface Location {
  /** Two letters, ISO 3166. */
  country(address: string): string | undefined;
  asn(address: string): number | undefined;
}

/** Either may be absent. @throws DatabaseError */
export function openLocation(files: { countries?: Uint8Array; systems?: Uint8Array }): Location {
  const countries = files.countries && new NetworkDatabase(files.countries);
  const systems = files.systems && new NetworkDatabase(files.systems);
  return {
    country(address) {
      const record = countries?.get(address) as
        | { country?: { iso_code?: unknown }; country_code?: unknown }
        | undefined;
      const code = record?.country?.iso_code ?? record?.country_code;
      return typeof code === "string" && /^[A-Za-z]{2}$/.test(code) ? code.toUpperCase() : undefined;
    },
    asn(address) {
      const record = systems?.get(address) as { autonomous_system_number?: unknown; asn?: unknown } | undefined;
      const number = Number(record?.autonomous_system_number ?? record?.asn);
      return Number.isSafeInteger(number) && number > 0 ? number : undefined;
    },
  };
}
