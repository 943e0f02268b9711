/**
 * AWS Account Management. Operations that are not here answer NotImplemented: no telephone number is verified.
 * Source: Account Management API Reference.
 */
import type { Accounts } from "#gateway/accounts.ts";
import { defineService, type Service } from "#gateway/service.ts";
import { AwsError } from "#kernel/errors.ts";
import { ask, targetOf } from "./access.ts";
import { regionHandlers } from "./regions.ts";
import type { Sdk } from "./sdk.ts";
import { deleteContact, getContact, putContact } from "./state.ts";

const notFound = (what: string) =>
  new AwsError("ResourceNotFoundException", `No ${what} was found for the account.`, 404);

/** A new address is proved by a code that is mailed to it; an installation sends no mail. */
function noMail(): never {
  throw new AwsError(
    "ResourceUnavailableException",
    "unavailable: needs a way to mail a one-time code to the new address, which this installation does not have",
    424,
  );
}

/** Names and states of accounts are IAM's; `roles` hands over what is needed of them. */
export function accountService(accounts: Accounts): Service {
  return defineService<Sdk>()({
    id: "account",
    operations: {
      async GetAccountInformation(input, ctx) {
        const record = await accounts.get(ctx.state, targetOf(input, ctx));
        if (!record) throw notFound("information");
        return {
          AccountId: record.account,
          AccountName: record.name,
          AccountCreatedDate: new Date(record.createdAt),
          AccountState: record.status,
        };
      },
      async PutAccountName(input, ctx) {
        await accounts.rename(ctx.state, targetOf(input, ctx), input.AccountName!);
        return {};
      },
      async GetContactInformation(input, ctx) {
        const ContactInformation = await getContact(ctx.state, targetOf(input, ctx), "contact", "contact");
        if (!ContactInformation) throw notFound("contact information");
        return { ContactInformation };
      },
      PutContactInformation(input, ctx) {
        putContact(ctx.state, targetOf(input, ctx), "contact", "contact", input.ContactInformation!);
        return {};
      },
      async GetAlternateContact(input, ctx) {
        const type = input.AlternateContactType!;
        const AlternateContact = await getContact(ctx.state, targetOf(input, ctx), "alternateContact", type);
        if (!AlternateContact) throw notFound("contact of the inputted alternate contact type");
        return { AlternateContact };
      },
      PutAlternateContact({ AccountId, ...contact }, ctx) {
        const target = targetOf({ AccountId }, ctx);
        putContact(ctx.state, target, "alternateContact", contact.AlternateContactType!, contact);
        return {};
      },
      async DeleteAlternateContact(input, ctx) {
        const [target, type] = [targetOf(input, ctx), input.AlternateContactType!];
        if (!(await getContact(ctx.state, target, "alternateContact", type))) {
          throw notFound("contact of the inputted alternate contact type");
        }
        deleteContact(ctx.state, target, "alternateContact", type);
        return {};
      },
      async GetPrimaryEmail(input, ctx) {
        const record = await accounts.get(ctx.state, targetOf(input, ctx));
        if (!record) throw notFound("primary email");
        return { PrimaryEmail: record.email };
      },
      ...regionHandlers,
      StartPrimaryEmailUpdate: noMail,
      AcceptPrimaryEmailUpdate: noMail,
    },
    access: {
      GetAccountInformation: ask("GetAccountInformation"),
      PutAccountName: ask("PutAccountName"),
      GetContactInformation: ask("GetContactInformation"),
      PutContactInformation: ask("PutContactInformation"),
      GetAlternateContact: ask("GetAlternateContact"),
      PutAlternateContact: ask("PutAlternateContact"),
      DeleteAlternateContact: ask("DeleteAlternateContact"),
      GetPrimaryEmail: ask("GetPrimaryEmail"),
      ListRegions: ask("ListRegions"),
      GetRegionOptStatus: ask("GetRegionOptStatus"),
      EnableRegion: ask("EnableRegion"),
      DisableRegion: ask("DisableRegion"),
      StartPrimaryEmailUpdate: ask("StartPrimaryEmailUpdate"),
      AcceptPrimaryEmailUpdate: ask("AcceptPrimaryEmailUpdate"),
    },
  });
}
