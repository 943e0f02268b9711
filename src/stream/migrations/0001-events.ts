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

-- INVARIANT: the heads of all partitions of a call (p_heads: [[stream, partition], ...]) are locked, in one order,
-- until the commit: offsets are dense and a reader never sees one filled in behind it. An id that is there already
-- is left out. Row by row, since a plan for a whole set would be made while the table is empty and kept as it grows.
create function jikimi.append_events(p_heads jsonb, p_events jsonb, p_time bigint, out last jsonb)
language plpgsql as $$
declare
  r record;
  h record;
begin
  insert into jikimi.stream_heads
    select x ->> 0, (x ->> 1)::int, 0 from jsonb_array_elements(p_heads) x order by 1, 2 on conflict do nothing;
  perform 1 from jikimi.stream_heads s
    where (s.stream, s.partition) in (select x ->> 0, (x ->> 1)::int from jsonb_array_elements(p_heads) x)
    order by s.stream, s.partition for update;

  select null::text as stream, null::int as partition, null::bigint as last into h;
  for r in
    select e.* from rows from (jsonb_to_recordset(p_events) as (stream text, partition int, id text, key text, event text))
      with ordinality as e(stream, partition, id, key, event, position)
    order by e.stream, e.partition, e.position
  loop
    if h.stream is distinct from r.stream or h.partition is distinct from r.partition then
      update jikimi.stream_heads s set last = h.last where s.stream = h.stream and s.partition = h.partition;
      select s.stream, s.partition, s.last into h from jikimi.stream_heads s where s.stream = r.stream and s.partition = r.partition;
    end if;
    insert into jikimi.events values (r.stream, r.partition, h.last + 1, r.id, r.key, p_time, r.event)
      on conflict (stream, partition, id) do nothing;
    if found then h.last := h.last + 1; end if;
  end loop;
  update jikimi.stream_heads s set last = h.last where s.stream = h.stream and s.partition = h.partition;

  select coalesce(jsonb_agg(jsonb_build_array(s.stream, s.partition, s.last)), '[]'::jsonb) into last
    from jikimi.stream_heads s
    where (s.stream, s.partition) in (select x ->> 0, (x ->> 1)::int from jsonb_array_elements(p_heads) x);
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
