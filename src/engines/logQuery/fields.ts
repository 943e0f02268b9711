/**
 * Fields that Insights discovers in a message: the members of a JSON object, nested ones joined by dots.
 * Source: CloudWatch Logs User Guide, "Supported logs and discovered fields": at most 200 fields of an event.
 */
const mostFields = 200;
const mostDepth = 20;

export function discoverFields(message: string): Record<string, string | number | boolean> {
  const found: Record<string, string | number | boolean> = Object.create(null) as Record<string, never>;
  const open = message.indexOf("{");
  if (open < 0) return found;
  let document: unknown;
  try {
    // Text in front of the object, as many loggers write it, is passed over.
    document = JSON.parse(message.slice(open));
  } catch {
    return found;
  }
  let count = 0;
  const walk = (value: unknown, name: string, depth: number): void => {
    if (count >= mostFields || depth > mostDepth) return;
    if (value !== null && typeof value === "object") {
      for (const [key, inner] of Object.entries(value)) walk(inner, name === "" ? key : `${name}.${key}`, depth + 1);
    } else if (value !== null && value !== undefined) {
      count++;
      found[name] = value as string | number | boolean;
    }
  };
  walk(document, "", 0);
  return found;
}
