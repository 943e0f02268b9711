/** Tokens of pages: opaque, marked with the service whose they are, so that another's is refused. */

export class PageTokens {
  readonly #mark: string;
  readonly #refusal: () => Error;

  /** `refusal`: the service's own error about a token that is none of its tokens. */
  constructor(service: string, refusal: () => Error) {
    this.#mark = `jikimi-${service}:`;
    this.#refusal = refusal;
  }

  /** For the page after a position. */
  write(position: string): string {
    return Buffer.from(this.#mark + position).toString("base64url");
  }

  /** The position. `undefined` where no token was sent. */
  read(token: string | undefined): string | undefined {
    if (token === undefined) return undefined;
    const text = Buffer.from(token, "base64url").toString("utf8");
    if (!text.startsWith(this.#mark)) throw this.#refusal();
    return text.slice(this.#mark.length);
  }

  /** A position that is a number of items. */
  readOffset(token: string | undefined): number {
    const position = this.read(token) ?? "0";
    if (!/^\d{1,9}$/.test(position)) throw this.#refusal();
    return Number(position);
  }
}

/** A page of names with one more that is always there, in its place; never longer than it may be. */
export function withAlways<T extends { Name?: string | undefined }>(
  page: { items: T[]; next?: string | undefined },
  always: T & { Name: string },
  { prefix, after, limit }: { prefix: string; after?: string | undefined; limit: number },
): { items: T[]; next?: string } {
  const name = always.Name;
  const inPlace = (after === undefined || after < name) && (page.next === undefined || name < page.next);
  const known = page.items.some(({ Name }) => Name === name);
  const next = page.next === undefined ? {} : { next: page.next };
  if (known || !inPlace || !name.startsWith(prefix)) return { items: page.items, ...next };
  const items = [...page.items, always].toSorted((a, b) => (a.Name! < b.Name! ? -1 : 1));
  if (items.length <= limit) return { items, ...next };
  const kept = items.slice(0, limit);
  return { items: kept, next: kept.at(-1)!.Name! };
}
