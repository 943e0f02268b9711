/** What belongs to one attempt of a call and is asked for in several places of it. */
import type { CallContext } from "./context.ts";

/**
 * A value of each call, made when it is first asked for; it lives as long as its call. (A WeakMap by context does the
 * same at several times the cost: every collection of garbage looks at every entry.)
 */
export function perCall<T>(make: () => T): (ctx: CallContext) => T {
  const name = Symbol("per call");
  return ({ kept }) => {
    let value = kept.get(name) as T | undefined;
    if (value === undefined) kept.set(name, (value = make()));
    return value;
  };
}
