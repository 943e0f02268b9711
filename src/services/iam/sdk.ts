/** Types of AWS's own SDK that every file of this service is checked against; nothing of it is loaded at run time. */
import type { AccessOf, Handlers } from "#gateway/service.ts";

export type Sdk = typeof import("@aws-sdk/client-iam");
export type IamHandlers = Partial<Handlers<Sdk>>;
export type IamAccess = AccessOf<Sdk>;
