/** What every page has at hand: who asks, where, and how. */
import { createContext, useContext } from "react";
import type { Output } from "../aws/client.ts";
import type { Input } from "../aws/protocols.ts";
import type { Session } from "../session.ts";
import type { Changes } from "./changes.ts";

export interface Facts {
  region: string;
  services: readonly string[];
}

export interface MadeCall {
  service: string;
  operation: string;
  input: Input;
}

export type Api = (service: string, operation: string, input?: Input) => Promise<Output>;

/** What is ours beside the public APIs, by its path below `/_jikimi/`. */
export type Own = (path: string, input?: Readonly<Record<string, string>>) => Promise<Output>;

export interface Console {
  session: Session;
  facts: Facts;
  region: string;
  api: Api;
  own: Own;
  changes: Changes;
  /** Epoch milliseconds of the installation, whose clock may have been moved. */
  now(): number;
  /** The calls of the page that is open, each once, oldest first. */
  calls(): readonly MadeCall[];
  flash(text: string): void;
}

export const ConsoleContext = createContext<Console | undefined>(undefined);

export function useConsole(): Console {
  const console = useContext(ConsoleContext);
  if (!console) throw new Error("outside of a session");
  return console;
}

/** Most pages of answers that are fetched; what is beyond is said to be. */
const mostPages = 10;

export interface Paged {
  items: Output[];
  more: boolean;
}

/** All items of a listing. `next`: the member of the answer, and of the request it goes into. */
export async function every(
  api: Api,
  service: string,
  operation: string,
  input: Input,
  list: string,
  next: readonly [from: string, to: string] = ["NextToken", "NextToken"],
): Promise<Paged> {
  const items: Output[] = [];
  let token: unknown;
  for (let page = 0; page < mostPages; page++) {
    const output = await api(service, operation, token === undefined ? input : { ...input, [next[1]]: token });
    items.push(...((output[list] as Output[] | undefined) ?? []));
    token = output[next[0]] || undefined;
    if (token === undefined || output.IsTruncated === false) return { items, more: false };
  }
  return { items, more: true };
}
