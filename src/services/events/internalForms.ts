/**
 * What EventBridge asks of itself from the process that delivers, so that the target's policies decide as they do for
 * everybody: members beside those of AWS's model.
 *
 * INVARIANT: no client can send them. The wire decodes the members of the model and no others, and these are none.
 */
import type { BusEvent } from "./event.ts";
import type { Place } from "./state.ts";

/** In an entry of PutEvents: an event as it was on the bus that forwards it. */
export interface Forwarded {
  event: BusEvent;
  from: Place;
}

export const forwardedMember = "$forwarded";
/** In DescribeApiDestination: it is about to be invoked. */
export const invokedMember = "$invoked";

export function forwardedOf(entry: object): Forwarded | undefined {
  return (entry as { [forwardedMember]?: Forwarded })[forwardedMember];
}

export function isInvocation(input: object): boolean {
  return (input as { [invokedMember]?: boolean })[invokedMember] === true;
}
