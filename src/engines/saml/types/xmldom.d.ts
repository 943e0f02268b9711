/** What is used of @xmldom/xmldom. Its own declarations bring a browser's into every file. */
import type { Element } from "../xml.ts";

export declare class DOMParser {
  constructor(options: { errorHandler: Record<"warning" | "error" | "fatalError", (message: string) => void> });
  parseFromString(text: string, type: "text/xml"): { documentElement: Element | null } | undefined;
}
