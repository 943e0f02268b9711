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
    const position = text.slice(this.#mark.length);
    // Written again, because reading base64 passes over what is none.
    if (!text.startsWith(this.#mark) || this.write(position) !== token) throw this.#refusal();
    return position;
  }

  /** A position that is a number of items. */
  readOffset(token: string | undefined): number {
    const position = this.read(token) ?? "0";
    if (!/^\d{1,9}$/.test(position)) throw this.#refusal();
    return Number(position);
  }
}

/** One page of a list that is in memory, in the order of `name`, which is unique in it. `next`: the position. */
export function pageOfNamed<T>(
  items: readonly T[],
  { after, limit }: { after?: string | undefined; limit: number },
  name: (item: T) => string,
): { items: T[]; next?: string } {
  const rest = after === undefined ? items : items.filter((item) => name(item) > after);
  const shown = rest.slice(0, limit);
  return rest.length > shown.length ? { items: shown, next: name(shown.at(-1)!) } : { items: shown };
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
