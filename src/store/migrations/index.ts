import { documents } from "./0001-documents.ts";
import { indexRowsInDocuments } from "./0002-index-rows-in-documents.ts";
import { changesBySequence } from "./0003-changes-by-sequence.ts";
import type { Migration } from "./migration.ts";

export const storeMigrations: readonly Migration[] = [documents, indexRowsInDocuments, changesBySequence];
