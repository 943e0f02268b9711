import type { Migration } from "#store/migrations/migration.ts";

/** Events, heads of partitions, consumer groups with their leases. */
export const events: Migration = {
  version: 1,
  name: "events",
  sqlite: `
create table settings (name text primary key, value integer not null) without rowid;
create table stream_heads (
  stream text not null, partition integer not null, last integer not null, primary key (stream, partition)
) without rowid;
create table events (
  stream text not null, partition integer not null, offset integer not null,
  id text not null, key text not null, time integer not null, event text not null,
  primary key (stream, partition, offset)
) without rowid;
create unique index events_id on events (stream, partition, id);
create table stream_groups (
  stream text not null, name text not null, partition integer not null,
  committed integer not null, owner text not null, token integer not null, expires_at integer not null,
  primary key (stream, name, partition)
) without rowid;
`,
  postgres: `
create table jikimi.stream_settings (name text primary key, value int not null);
create table jikimi.stream_heads (
  stream text not null, partition int not null, last bigint not null, primary key (stream, partition)
) with (fillfactor = 50);
create table jikimi.events (
  stream text not null, partition int not null, "offset" bigint not null,
  id text not null, key text not null, time bigint not null, event text not null,
  primary key (stream, partition, "offset")
);
create unique index events_id on jikimi.events (stream, partition, id);
create table jikimi.stream_groups (
  stream text not null, name text not null, partition int not null,
  committed bigint not null, owner text not null, token bigint not null, expires_at bigint not null,
  primary key (stream, name, partition)
);

-- INVARIANT: the heads of all partitions of a call are locked, in one order, until the commit: offsets are dense
-- and a reader never sees one filled in behind it. Ids that are there already are left out.
-- Few rows meet many: without statistics of the temporary table the planner must not read all events for a hash.
create function jikimi.append_events(p_events jsonb, p_time bigint, out last jsonb)
language plpgsql set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  create temporary table if not exists appended (
    stream text, partition int, id text, key text, event text, position bigint
  ) on commit delete rows;
  insert into appended
    select distinct on (r.stream, r.partition, r.id) r.* from rows from (jsonb_to_recordset(p_events)
      as (stream text, partition int, id text, key text, event text)) with ordinality as r(stream, partition, id, key, event, position)
    order by r.stream, r.partition, r.id, r.position;

  insert into jikimi.stream_heads select distinct a.stream, a.partition, 0 from appended a order by 1, 2 on conflict do nothing;
  perform 1 from jikimi.stream_heads h
    where (h.stream, h.partition) in (select a.stream, a.partition from appended a)
    order by h.stream, h.partition for update;

  delete from appended a using jikimi.events e where e.stream = a.stream and e.partition = a.partition and e.id = a.id;
  insert into jikimi.events
    select a.stream, a.partition, h.last + row_number() over (partition by a.stream, a.partition order by a.position), a.id, a.key, p_time, a.event
    from appended a join jikimi.stream_heads h on h.stream = a.stream and h.partition = a.partition;
  update jikimi.stream_heads h set last = h.last + n.count
    from (select a.stream, a.partition, count(*) as count from appended a group by 1, 2) n
    where h.stream = n.stream and h.partition = n.partition;

  select coalesce(jsonb_agg(jsonb_build_array(h.stream, h.partition, h.last)), '[]'::jsonb) into last
    from jikimi.stream_heads h where (h.stream, h.partition) in (select a.stream, a.partition from appended a);
  perform pg_notify('jikimi_stream', (x ->> 0) || ' ' || (x ->> 1) || ' ' || (x ->> 2)) from jsonb_array_elements(last) x;
end $$;

create function jikimi.take_partition(p_stream text, p_group text, p_partition int, p_owner text, p_now bigint, p_expires bigint) returns bigint
language sql as $$
  insert into jikimi.stream_groups as g values (p_stream, p_group, p_partition, 0, p_owner, 1, p_expires)
  on conflict (stream, name, partition) do update
    set owner = excluded.owner, expires_at = excluded.expires_at,
        token = case when g.owner = excluded.owner then g.token else g.token + 1 end
    where g.owner = excluded.owner or g.expires_at <= p_now
  returning token
$$;

-- Removes up to p_limit events of each partition that are older than p_before and committed by all groups named.
create function jikimi.trim_events(p_stream text, p_groups jsonb, p_before bigint) returns bigint
language plpgsql as $$
declare
  removed bigint := 0;
  n bigint;
  h record;
begin
  for h in
    select s.partition, least(s.last, (
      select min(coalesce(g.committed, 0)) from jsonb_array_elements_text(p_groups) w
        left join jikimi.stream_groups g on g.name = w and g.stream = p_stream and g.partition = s.partition
    )) as upto
    from jikimi.stream_heads s where s.stream = p_stream
  loop
    delete from jikimi.events e where e.stream = p_stream and e.partition = h.partition and e."offset" <= h.upto and e.time < p_before;
    get diagnostics n = row_count;
    removed := removed + n;
  end loop;
  return removed;
end $$;
`,
};

export const streamMigrations: readonly Migration[] = [events];
