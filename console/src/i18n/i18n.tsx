/** One catalog, two languages: every key has both, because a row without one does not compile. */
import { createContext, useContext, type ReactNode } from "react";
import { josa, type Josa } from "../../../src/cli/messages/josa.ts";
import { catalog, type MessageKey } from "./catalog.ts";

export type { MessageKey } from "./catalog.ts";

export const languages = ["ko", "en"] as const;
export type Language = (typeof languages)[number];

export type Parameters = Readonly<Record<string, string | number>>;
export type Translate = (key: MessageKey, parameters?: Parameters) => string;

export interface Locale {
  language: Language;
  t: Translate;
  /** ISO text, epoch seconds, or nothing; in the browser's time zone. */
  time(value: unknown): string;
  number(value: number): string;
}

/** `{name}` is put in; `{name:은/는}` brings the particle that the name asks for. */
export function fill(text: string, parameters: Parameters = {}): string {
  return text.replaceAll(/\{(\w+)(?::([^}]+))?\}/g, (whole, name: string, particle: string | undefined) => {
    const value = parameters[name];
    if (value === undefined) return whole;
    return particle === undefined ? String(value) : withParticle(String(value), particle);
  });
}

function withParticle(word: string, particle: string): string {
  if (particle !== "(으)로") return josa(word, particle as Josa);
  // After a final ㄹ, and after none, it is 로.
  const withSubject = josa(word, "이/가");
  const code = word.charCodeAt(word.length - 1);
  const endsInRieul = code >= 0xac00 && code <= 0xd7a3 ? (code - 0xac00) % 28 === 8 : /[178lrLR]$/.test(word);
  return word + (withSubject.endsWith("가") || endsInRieul ? "로" : "으로");
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
      return Number.isNaN(date.getTime()) ? String(value) : format.format(date);
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
