/**
 * How an attempt ended, with what the endpoint said: its status, where it has one, and its words. A permanent failure is
 * not tried again: it goes to the dead-letter queue, if there is one.
 */
export type Outcome =
  | { ok: true; response: string; status?: number }
  | { ok: false; permanent: boolean; code: string; message: string; status?: number };

export function delivered(response: string, status?: number): Outcome {
  return { ok: true, response, ...(status === undefined ? {} : { status }) };
}

export function failed(code: string, message: string, permanent = false, status?: number): Outcome {
  const outcome = { ok: false as const, permanent, code, message: message.slice(0, 1024) };
  return status === undefined ? outcome : { ...outcome, status };
}
