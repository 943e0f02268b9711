/** How an attempt ended. A permanent failure is not tried again: it goes to the dead-letter queue, if there is one. */
export type Outcome = { ok: true } | { ok: false; permanent: boolean; code: string; message: string };

export const delivered: Outcome = { ok: true };

export function failed(code: string, message: string, permanent = false): Outcome {
  return { ok: false, permanent, code, message: message.slice(0, 1024) };
}
