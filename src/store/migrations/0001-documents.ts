import type { Migration } from "./migration.ts";

/** Documents, index rows, change feed, outbox and leases; in PostgreSQL also the function that applies batches. */
export const documents: Migration = {
  version: 1,
  name: "documents",
  sqlite: `
create table documents (
  account text not null, region text not null, service text not null, type text not null, id text not null,
  version integer not null, value text not null, expires_at integer, indexed integer not null default 0
);
create unique index documents_key on documents (service, type, account, region, id);
create index documents_by_id on documents (service, type, id, account, region);
create index documents_expiry on documents (expires_at) where expires_at is not null;

create table index_rows (
  service text not null, type text not null, name text not null, value text not null,
  id text not null, account text not null, region text not null,
  primary key (service, type, name, value, id, account, region)
) without rowid;
create index index_rows_scoped on index_rows (service, type, name, account, region, value, id);
create index index_rows_document on index_rows (service, type, account, region, id);

create table changes (
  sequence integer primary key autoincrement,
  account text not null, region text not null, service text not null, type text not null, id text not null,
  version integer not null, time integer not null
);
create table outbox (
  sequence integer primary key autoincrement,
  stream text not null, key text not null, id text not null, event text not null
);
create table leases (name text primary key, owner text not null, token integer not null, expires_at integer not null) without rowid;
`,
  postgres: `
create table jikimi.documents (
  account text collate "C" not null, region text collate "C" not null, service text collate "C" not null,
  type text collate "C" not null, id text collate "C" not null,
  version bigint not null, value text not null, expires_at bigint, indexed boolean not null default false,
  primary key (service, type, account, region, id)
) with (fillfactor = 90);
create index documents_by_id on jikimi.documents (service, type, id, account, region);
create index documents_expiry on jikimi.documents (expires_at) where expires_at is not null;

create table jikimi.index_rows (
  service text collate "C" not null, type text collate "C" not null, name text collate "C" not null,
  value text collate "C" not null, id text collate "C" not null,
  account text collate "C" not null, region text collate "C" not null,
  primary key (service, type, account, region, id, name, value)
);
create index index_rows_value on jikimi.index_rows (service, type, name, value, id, account, region);
create index index_rows_scoped on jikimi.index_rows (service, type, name, account, region, value, id);

create table jikimi.changes (
  sequence bigint primary key,
  account text not null, region text not null, service text not null, type text not null, id text not null,
  version bigint not null, time bigint not null
);
create table jikimi.outbox (
  sequence bigint primary key, stream text not null, key text not null, id text not null, event text not null
);
create table jikimi.leases (name text primary key, owner text not null, token bigint not null, expires_at bigint not null);

create table jikimi.head (only_row boolean primary key default true check (only_row), change bigint not null, outbox bigint not null)
  with (fillfactor = 50);
insert into jikimi.head (change, outbox) values (0, 0);

-- Applies the operations of one batch in order. failed is the position of the first operation whose
-- precondition does not hold, null when all are applied. The caller holds the head row.
create function jikimi.apply_batch(p_operations jsonb, p_now bigint, inout p_change bigint, inout p_outbox bigint, out failed int)
language plpgsql as $$
declare
  o record;
  d record;
  live bigint;
  next_version bigint;
begin
  for o in
    select * from rows from (jsonb_to_recordset(p_operations) as
      (op text, account text, region text, service text, type text, id text,
       if_version bigint, value text, expires_at bigint, indexes jsonb, until text, stream text, key text, token bigint)
    ) with ordinality as r(op, account, region, service, type, id, if_version, value, expires_at, indexes, until, stream, key, token, position)
  loop
    if o.op in ('put', 'delete', 'check') then
      select version, expires_at, indexed into d from jikimi.documents t
        where t.service = o.service and t.type = o.type and t.account = o.account and t.region = o.region and t.id = o.id;
      live := case when found and (d.expires_at is null or d.expires_at > p_now) then d.version else 0 end;
      if o.if_version is not null and o.if_version <> live then
        failed := o.position - 1;
        return;
      end if;
      if o.op = 'check' then continue; end if;

      if o.op = 'delete' then
        if d.version is null then continue; end if;
        delete from jikimi.documents t
          where t.service = o.service and t.type = o.type and t.account = o.account and t.region = o.region and t.id = o.id;
        next_version := 0;
      else
        next_version := live + 1;
        insert into jikimi.documents as t (account, region, service, type, id, version, value, expires_at, indexed)
          values (o.account, o.region, o.service, o.type, o.id, next_version, o.value, o.expires_at, o.indexes is not null)
          on conflict (service, type, account, region, id) do update
            set version = excluded.version, value = excluded.value, expires_at = excluded.expires_at, indexed = excluded.indexed;
      end if;
      if d.indexed then
        delete from jikimi.index_rows t
          where t.service = o.service and t.type = o.type and t.account = o.account and t.region = o.region and t.id = o.id
            and (o.op = 'delete' or o.indexes is null or not o.indexes @> jsonb_build_array(jsonb_build_array(t.name, t.value)));
      end if;
      if o.op = 'put' and o.indexes is not null then
        insert into jikimi.index_rows (service, type, name, value, id, account, region)
          select o.service, o.type, x ->> 0, x ->> 1, o.id, o.account, o.region from jsonb_array_elements(o.indexes) x
          on conflict do nothing;
      end if;
      p_change := p_change + 1;
      insert into jikimi.changes values (p_change, o.account, o.region, o.service, o.type, o.id, next_version, p_now);

    elsif o.op = 'append' then
      p_outbox := p_outbox + 1;
      insert into jikimi.outbox values (p_outbox, o.stream, o.key, o.id, o.value);

    elsif o.op = 'checkNone' then
      perform 1 from jikimi.documents t
        where t.service = o.service and t.type = o.type and t.account = o.account and t.region = o.region
          and t.id >= o.id and (o.until is null or t.id < o.until) and (t.expires_at is null or t.expires_at > p_now)
        limit 1;
      if found then
        failed := o.position - 1;
        return;
      end if;

    elsif o.op = 'guard' then
      -- The row lock makes a take-over that is under way finish first.
      perform 1 from jikimi.leases t where t.name = o.key and t.owner = o.id and t.token = o.token for share;
      if not found then
        failed := o.position - 1;
        return;
      end if;

    else
      raise exception 'unknown operation %', o.op;
    end if;
  end loop;
end $$;

-- Applies a group of batches in one transaction, each whole or not at all. INVARIANT: the head row is locked
-- first and until the commit, so that batches are serial, every statement sees all earlier ones, and sequence
-- numbers are dense and visible in their own order (a sequence or identity column would skip and reorder).
create function jikimi.commit_group(p_batches jsonb, p_now bigint, out conflicts jsonb, out change bigint, out outbox bigint)
language plpgsql as $$
declare
  b record;
  r record;
  first_change bigint;
  first_outbox bigint;
begin
  select h.change, h.outbox into change, outbox from jikimi.head h for update;
  first_change := change;
  first_outbox := outbox;
  conflicts := '[]'::jsonb;
  for b in select e.value -> 'operations' as operations, (e.value -> 'savepoint')::boolean as savepoint, e.ordinality - 1 as position
    from jsonb_array_elements(p_batches) with ordinality as e
  loop
    if b.savepoint then
      begin
        select * into r from jikimi.apply_batch(b.operations, p_now, change, outbox);
        if r.failed is not null then raise exception using errcode = 'JK001'; end if;
      exception when sqlstate 'JK001' then
        null;
      end;
    else
      select * into r from jikimi.apply_batch(b.operations, p_now, change, outbox);
    end if;
    if r.failed is null then
      change := r.p_change;
      outbox := r.p_outbox;
    else
      conflicts := conflicts || jsonb_build_array(jsonb_build_array(b.position, r.failed));
    end if;
  end loop;
  if change > first_change or outbox > first_outbox then
    update jikimi.head h set change = commit_group.change, outbox = commit_group.outbox;
    perform pg_notify('jikimi_store', change || ',' || outbox);
  end if;
end $$;

-- Removes expired documents, as deletions in the change feed, and changes older than p_trim. Returns how many documents.
create function jikimi.expire(p_now bigint, p_limit int, p_trim bigint) returns int
language plpgsql as $$
declare
  h record;
  removed int;
begin
  select * into h from jikimi.head for update;
  with gone as (
    delete from jikimi.documents t using (
      select service, type, account, region, id from jikimi.documents where expires_at <= p_now order by expires_at limit p_limit
    ) e
    where t.service = e.service and t.type = e.type and t.account = e.account and t.region = e.region and t.id = e.id
    returning t.*
  ), rows_gone as (
    delete from jikimi.index_rows i using gone g
    where g.indexed and i.service = g.service and i.type = g.type and i.account = g.account and i.region = g.region and i.id = g.id
  )
  insert into jikimi.changes
    select h.change + row_number() over (order by g.expires_at, g.id), g.account, g.region, g.service, g.type, g.id, 0, p_now from gone g;
  get diagnostics removed = row_count;
  if removed > 0 then
    update jikimi.head set change = h.change + removed;
    perform pg_notify('jikimi_store', (h.change + removed) || ',' || h.outbox);
  end if;
  delete from jikimi.changes where sequence in (
    select sequence from jikimi.changes where sequence < (select coalesce(min(sequence), 0) from jikimi.changes) + 10000
      and time < p_trim and sequence < h.change
  );
  return removed;
end $$;

create function jikimi.take_lease(p_name text, p_owner text, p_now bigint, p_expires bigint) returns bigint
language sql as $$
  insert into jikimi.leases as l values (p_name, p_owner, 1, p_expires)
  on conflict (name) do update
    set owner = excluded.owner, expires_at = excluded.expires_at,
        token = case when l.owner = excluded.owner then l.token else l.token + 1 end
    where l.owner = excluded.owner or l.expires_at <= p_now
  returning token
$$;
`,
};
