/** A document as its author would write it: JSON is indented, whatever else stays as it is. */
export function Json({ value, label }: { value: unknown; label: string }) {
  return (
    // A region that scrolls is reached by keyboard.
    <pre className="document" tabIndex={0} role="region" aria-label={label}>
      {pretty(value)}
    </pre>
  );
}

export function pretty(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value, undefined, 2) ?? "";
  const text = value.startsWith("%7B") ? decodeURIComponent(value) : value;
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}
