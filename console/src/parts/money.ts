import type { Language } from "../i18n/i18n.tsx";

/** US dollars; six digits where a request costs three millionths of one. */
export function usd(language: Language, value: number): string {
  const locale = language === "ko" ? "ko-KR" : "en-US";
  return value.toLocaleString(locale, { style: "currency", currency: "USD", maximumFractionDigits: 6 });
}
