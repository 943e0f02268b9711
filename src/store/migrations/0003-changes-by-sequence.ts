import type { Migration } from "./migration.ts";

/**
 * The newest change always stays, so its sequence is where the next one goes on: no table of sequences has to be
 * written with each change. SQLite only.
 */
export const changesBySequence: Migration = {
  version: 3,
  name: "changes by sequence",
  sqlite: `
create table changes_by_sequence (
  sequence integer primary key,
  account text not null, region text not null, service text not null, type text not null, id text not null,
  version integer not null, time integer not null
);
insert into changes_by_sequence select sequence, account, region, service, type, id, version, time from changes;
drop table changes;
alter table changes_by_sequence rename to changes;
`,
  postgres: "select 1",
};
