/** The whole catalog: key → [English, Korean]. */
import { cloudHsm } from "./messages/cloudHsm.ts";
import { detection } from "./messages/detection.ts";
import { frame } from "./messages/frame.ts";
import { foundation } from "./messages/foundation.ts";
import { home } from "./messages/home.ts";
import { identity } from "./messages/identity.ts";
import { keys } from "./messages/keys.ts";
import { keyFacts } from "./messages/keyFacts.ts";
import { keyStores } from "./messages/keyStores.ts";
import { systems } from "./messages/systems.ts";

const rows = {
  ...frame,
  ...systems,
  ...home,
  ...identity,
  ...keys,
  ...keyFacts,
  ...keyStores,
  ...cloudHsm,
  ...foundation,
  ...detection,
};

export type MessageKey = keyof typeof rows;

export const catalog: Readonly<Record<MessageKey, readonly [en: string, ko: string]>> = rows;
