import type { Migration } from "./migration.ts";

/**
 * A document carries its index rows (`indexed`: JSON of [name, value] pairs, 0 for none), so that the index by
 * document, a third of what an indexed document wrote, is not needed. SQLite only.
 */
export const indexRowsInDocuments: Migration = {
  version: 2,
  name: "index rows in documents",
  sqlite: `
update documents set indexed = (
  select json_group_array(json_array(i.name, i.value)) from index_rows i
  where i.service = documents.service and i.type = documents.type and i.account = documents.account
    and i.region = documents.region and i.id = documents.id
) where indexed = 1;
drop index index_rows_document;
`,
  postgres: "select 1",
};
