import { en, type Messages } from "./en.ts";
import { ko } from "./ko.ts";

export type { Messages } from "./en.ts";

export const languages = ["en", "ko"] as const;
export type Language = (typeof languages)[number];

const catalogues: Record<Language, Messages> = { en, ko };

export function messagesIn(language: Language): Messages {
  return catalogues[language];
}

/** `--lang` wins, then LC_ALL, LC_MESSAGES and LANG as POSIX orders them. Anything but Korean is English. */
export function chooseLanguage(asked: string | undefined, env: NodeJS.ProcessEnv): Language {
  const locale = asked ?? (env["LC_ALL"] || env["LC_MESSAGES"] || env["LANG"] || "en");
  return /^ko\b|^ko_/.test(locale) ? "ko" : "en";
}
