import type { Migration } from "#store/migrations/migration.ts";
import { events } from "./0001-events.ts";
import { eventsByRow } from "./0002-events-by-row.ts";

export const streamMigrations: readonly Migration[] = [events, eventsByRow];
