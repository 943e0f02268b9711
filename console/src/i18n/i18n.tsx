/** One catalog, two languages: every key has both, because a row without one does not compile. */
import { createContext, useContext, type ReactNode } from "react";
import { catalog, type MessageKey } from "./catalog.ts";
import { fill, type Parameters } from "./fill.ts";

export type { MessageKey } from "./catalog.ts";

export const languages = ["ko", "en"] as const;
export type Language = (typeof languages)[number];

export type Translate = (key: MessageKey, parameters?: Parameters) => string;

export interface Locale {
  language: Language;
  t: Translate;
  /** ISO text, epoch seconds, or nothing; in the browser's time zone. */
  time(value: unknown): string;
  number(value: number): string;
}

export function localeOf(language: Language): Locale {
  const side = language === "ko" ? 1 : 0;
  const format = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
  const numbers = new Intl.NumberFormat(language);
  return {
    language,
    t: (key, parameters) => fill(catalog[key][side], parameters),
    time(value) {
      if (value === undefined || value === null || value === "") return "–";
      const date = new Date(typeof value === "number" ? value * 1000 : String(value));
      return Number.isNaN(date.getTime()) ? String(value) : format.format(date).replaceAll(" ", "\u00a0");
    },
    number: (value) => numbers.format(value),
  };
}

/** As chosen before, or as the browser asks for; Korean or English. */
export function firstLanguage(): Language {
  const stored = localStorage.getItem("jikimi-language");
  if (stored === "ko" || stored === "en") return stored;
  return navigator.languages.some((each) => each.startsWith("ko")) ? "ko" : "en";
}

const Context = createContext<Locale>(localeOf("en"));

export function LocaleProvider({ locale, children }: { locale: Locale; children: ReactNode }) {
  return <Context.Provider value={locale}>{children}</Context.Provider>;
}

export const useLocale = (): Locale => useContext(Context);
