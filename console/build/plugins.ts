/** What Vite is told beside its defaults. */
import { apiTable } from "./apiTable.ts";

interface Plugin {
  name: string;
  enforce?: "pre";
  resolveId?(id: string): string | undefined;
  load?(id: string): string | undefined;
  transform?(code: string, id: string): string | undefined;
}

const virtual = "virtual:api-table";

export function apiTablePlugin(): Plugin {
  return {
    name: "api-table",
    resolveId: (id) => (id === virtual ? `\0${virtual}` : undefined),
    load: (id) =>
      id === `\0${virtual}` ? `export default JSON.parse(${JSON.stringify(JSON.stringify(apiTable()))});` : undefined,
  };
}

/** Fonts of the system, Korean ones among them. */
const fonts =
  'system-ui,-apple-system,"Segoe UI",Roboto,"Apple SD Gothic Neo","Malgun Gothic","Noto Sans KR","Noto Sans CJK KR",sans-serif';

/**
 * The design system carries a Latin font as data: half of all bytes, and no Hangul in it. The system's fonts take its
 * place, in the style sheets, because styles set at run time would be inline styles.
 */
export function systemFontsPlugin(): Plugin {
  return {
    name: "system-fonts",
    enforce: "pre",
    transform(code, id) {
      if (!id.includes("@cloudscape-design") || !/\.css(\?|$)/.test(id)) return undefined;
      return code
        .replaceAll(/@font-face\s*\{[^}]*\}/g, "")
        .replaceAll(/(["'])Open Sans\1\s*,\s*(["'])Helvetica Neue\2\s*,\s*Roboto\s*,\s*Arial\s*,\s*sans-serif/g, fonts);
    },
  };
}
