/** The whole catalog: key → [English, Korean]. */
import { detection } from "./messages/detection.ts";
import { frame } from "./messages/frame.ts";
import { foundation } from "./messages/foundation.ts";
import { home } from "./messages/home.ts";
import { identity } from "./messages/identity.ts";
import { keys } from "./messages/keys.ts";
import { systems } from "./messages/systems.ts";

const rows = { ...frame, ...systems, ...home, ...identity, ...keys, ...foundation, ...detection };

export type MessageKey = keyof typeof rows;

export const catalog: Readonly<Record<MessageKey, readonly [en: string, ko: string]>> = rows;
