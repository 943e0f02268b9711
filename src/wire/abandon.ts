/**
 * Ends streams that nobody is going to read. A generator that was never started does nothing when it ends, so the
 * sources of streams whose first piece has been read close what they hold in a `return` of their own.
 */

/**
 * INVARIANT: every stream that was made is read to its end or abandoned: what it holds (an open file) would otherwise
 * stay until the garbage collector finds it, which ends the process.
 */
export async function abandon(content: unknown): Promise<void> {
  if (content === null || typeof content !== "object" || !(Symbol.asyncIterator in content)) return;
  try {
    await (content as AsyncIterable<unknown>)[Symbol.asyncIterator]().return?.();
  } catch {
    // It ends because something else failed; that is what is reported.
  }
}

/** Ends the streaming members of an output that will not be sent. */
export async function abandonOutput(output: Record<string, unknown>): Promise<void> {
  for (const value of Object.values(output)) await abandon(value);
}
