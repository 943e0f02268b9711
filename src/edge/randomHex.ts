/**
 * Random identifiers of requests and connections. They name, they protect nothing: taken from a pool, since asking the
 * system for each costs more than the rest of a request's checks.
 */
import type { Random } from "#kernel/ids.ts";

const poolBytes = 4_096;

/** Gives the hexadecimal digits of so many random bytes. */
export type RandomHex = (bytes: number) => string;

export function randomHex(random: Random): RandomHex {
  let pool = Buffer.alloc(0);
  let used = 0;
  return (bytes) => {
    if (used + bytes > pool.length) {
      pool = Buffer.from(random.bytes(poolBytes));
      used = 0;
    }
    return pool.toString("hex", used, (used += bytes));
  };
}
