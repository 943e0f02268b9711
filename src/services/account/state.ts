/** Contacts of an account; they belong to no Region. */
import type { AlternateContact, ContactInformation } from "@aws-sdk/client-account";
import type { State } from "#gateway/context.ts";
import { globalRegion } from "#store/contract.ts";

interface Documents {
  /** One, under its own name. */
  contact: ContactInformation;
  /** By type: BILLING, OPERATIONS, SECURITY. */
  alternateContact: AlternateContact;
}

const scopeOf = (account: string) => ({ account, region: globalRegion, service: "account" });

export async function getContact<T extends keyof Documents>(
  state: State,
  account: string,
  type: T,
  id: string,
): Promise<Documents[T] | undefined> {
  return (await state.get<Documents[T]>(type, id, scopeOf(account)))?.value;
}

export function putContact<T extends keyof Documents>(
  state: State,
  account: string,
  type: T,
  id: string,
  value: Documents[T],
): void {
  state.put(type, id, value, { at: scopeOf(account) });
}

export function deleteContact(state: State, account: string, type: keyof Documents, id: string): void {
  state.delete(type, id, { at: scopeOf(account) });
}
