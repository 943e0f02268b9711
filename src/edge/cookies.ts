/** Reading the Cookie header and writing Set-Cookie. Source: RFC 6265. */

/** The first cookie of a name, its value as sent. */
export function cookieOf(rawHeaders: readonly string[], name: string): string | undefined {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== "cookie") continue;
    for (const part of (rawHeaders[index + 1] ?? "").split(";")) {
      const at = part.indexOf("=");
      if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
    }
  }
  return undefined;
}

export interface CookieOptions {
  /** Epoch milliseconds; absent: until the browser is closed. */
  expires?: number;
  secure?: boolean;
  httpOnly?: boolean;
  sameSite?: "None";
}

export function setCookie(name: string, value: string, options: CookieOptions): string {
  const parts = [`${name}=${value}`];
  if (options.expires !== undefined) parts.push(`Expires=${new Date(options.expires).toUTCString()}`);
  parts.push("Path=/");
  if (options.sameSite) parts.push(`SameSite=${options.sameSite}`);
  if (options.secure) parts.push("Secure");
  if (options.httpOnly) parts.push("HttpOnly");
  return parts.join("; ");
}
