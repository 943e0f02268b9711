import type { Migration } from "#store/migrations/migration.ts";

/**
 * Events in the order in which they were written, whatever their partition, three to a page: in a tree by partition and
 * offset each had an overflow page of its own. Ids that are new by definition (`checked` 0) are not indexed: a random id
 * dirties a page of the index for each event. SQLite only.
 */
export const eventsByRow: Migration = {
  version: 2,
  name: "events by row",
  sqlite: `
create table events_by_row (
  row integer primary key,
  stream text not null, partition integer not null, offset integer not null,
  id text not null, key text not null, time integer not null, checked integer not null, event text not null
);
insert into events_by_row (stream, partition, offset, id, key, time, checked, event)
  select stream, partition, offset, id, key, time, 1, event from events order by time, stream, partition, offset;
drop table events;
alter table events_by_row rename to events;
create unique index events_offset on events (stream, partition, offset);
create unique index events_id on events (stream, partition, id) where checked = 1;
`,
  postgres: "select 1",
};
