/** Types of AWS's own SDK that every file of this service is checked against; nothing of it is loaded at run time. */
import type { AccessOf, Handlers } from "#gateway/service.ts";

export type Sdk = typeof import("@aws-sdk/client-acm");
export type AcmHandlers = Partial<Handlers<Sdk>>;
export type AcmAccess = AccessOf<Sdk>;
export type { Tag } from "@aws-sdk/client-acm";
