import { pad, type Stream } from "./state.ts";

/** Index of a stream document: order by its last event, streams without events first. */
export function streamIndexes(gid: string, stream: Stream): Record<string, string> {
  return { lastEvent: `${gid}/${pad(stream.lastEventAt ?? 0)}/${stream.sid}` };
}
