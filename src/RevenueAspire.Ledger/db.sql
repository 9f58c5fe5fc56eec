-- The schema of the ledger. The programs apply this script at start; you can also run it with psql (psql -f db.sql). Both are safe at any time,
-- with or without existing tables. The script is one transaction.

begin;

-- Run one copy of this script at a time: "create table if not exists" fails if two sessions create the same table at once.
do $$ begin perform pg_advisory_xact_lock(5641763209170221); end $$;

-- Refuse an unsuitable database before creating anything. This block changes nothing. The programs run it at every start, and the API for its health check.
-- It compares types by their names in the catalog, so session settings do not affect the result.
do $check$
declare
  bookkeeping constant text[] := array['event_part', 'event_range', 'event_source', 'event_source_digest', 'rejected_event'];
  expected constant text := 'event_part(merged_through text C, part_index int4, range_id uuid, upper_key text C); '
    'event_range(bytes_hash bytea, claimed_end int8, end_fixed int8, events int8, from_offset int8, last_reject_offset int8, lease_owner uuid, lease_until timestamptz, '
    'lines int8, range_id uuid, rejects int8, rejects_merged_through int8, revenue numeric, source_id uuid, types_hash bytea); '
    'event_source(applied_through int8, claimed_through int8, content_id uuid, created_at timestamptz, events_through int8, generation int4, kind text, '
    'lease_owner uuid, lease_until timestamptz, length int8, lines_through int8, name text, rejects_through int8, revenue_through numeric, source_id uuid, tail_hash bytea, types_hash bytea); '
    'event_source_digest(content_id uuid, length int8, recorded_by uuid, sha256 bytea); '
    'rejected_event(beginning text, line int8, offset int8, range_id uuid, reason text, rejected_at timestamptz, source_id uuid)';
  restore constant text := 'restore all tables of the ledger together from one backup';
  put_aside text;
  aside text;
  homes text[];
  existing text[];
  missing text[];
  found text;
  repair text;
  is_worker boolean;
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception using errcode = 'RV001', message = format(
      'the database "%s" uses the encoding %s, but user ids are UTF-8: create another database with "create database %I template template0 encoding ''UTF8'' locale ''C''" and set it in ConnectionStrings:revenuedb',
      current_database(), current_setting('server_encoding'), left(current_database(), 58) || '_utf8');
  end if;

  perform set_config('quote_all_identifiers', 'off', true);
  homes := array(
    select distinct n.nspname::text from unnest(bookkeeping || 'users_revenue'::text) as t join pg_class c on c.oid = to_regclass(t) join pg_namespace n on n.oid = c.relnamespace order by 1);
  if cardinality(homes) > 1 then
    raise exception using errcode = 'RV005', message = format(
      'the search_path "%s" finds tables of the ledger in more than one schema (%s): set Search Path in ConnectionStrings:revenuedb to the schema of one ledger',
      current_setting('search_path'), array_to_string(homes, ', '));
  elsif homes = '{}' and current_schema() is null then
    raise exception using errcode = 'RV005', message = format(
      'no schema of the search_path "%s" exists: create it, or correct Search Path in ConnectionStrings:revenuedb', current_setting('search_path'));
  end if;

  -- A Citus worker also has the distributed table. A second event_source on a worker would count all events again.
  if exists (select from pg_trigger t join pg_proc p on p.oid = t.tgfoid where t.tgrelid = to_regclass('users_revenue') and p.proname = 'citus_truncate_trigger') then
    execute 'select groupid <> 0 from pg_dist_local_group' into is_worker;
    if is_worker then
      raise exception using errcode = 'RV008', message = 'this server is a worker of a distributed ledger: set ConnectionStrings:revenuedb to the coordinator';
    end if;
  end if;

  -- Create new tables in the schema of the existing ones, even if it is not the first schema of the search_path.
  perform set_config('search_path', quote_ident(coalesce(homes[1], current_schema())), true);
  existing := array(select t from unnest(bookkeeping || '{users_revenue, event_source_path}'::text[]) as t where to_regclass(t) is not null);
  missing := array(select t from unnest(bookkeeping) as t where to_regclass(t) is null);
  aside := (select 'ledger_old' || coalesce(nullif(count(*), 0)::text, '') from pg_namespace where left(nspname, 10) = 'ledger_old');
  put_aside := (select format('or move the tables to another schema with "create schema %s; %s" and start again: logs are then counted from their beginning, and files when they are processed again',
    aside, string_agg(format('alter table %I.%I set schema %s', current_schema(), t, aside), '; ')) from unnest(existing) as t);

  -- Check the version number as well as the columns: a newer version may use the same columns differently.
  if substring(obj_description(to_regclass('event_source'), 'pg_class') from '^ledger schema ([0-9]{1,9})$')::integer > 4 then
    raise exception using errcode = 'RV004', message = format(
      'a newer version of this program created the tables (%s; this version supports 4): use that version, %s', obj_description(to_regclass('event_source'), 'pg_class'), put_aside);
  end if;

  if missing = '{}' then
    select string_agg(format('%s(%s)', t.name, t.columns), '; ' order by t.name collate "C") into found from (
      select n as name, (
        select string_agg(concat_ws(' ', a.attname,
            concat(case when y.typnamespace <> 'pg_catalog'::regnamespace then y.typnamespace::regnamespace || '.' end, y.typname, '(' || nullif(a.atttypmod, -1) || ')'),
            case when c.collname <> 'default' then c.collname end), ', ' order by a.attname collate "C")
        from pg_attribute a join pg_type y on y.oid = a.atttypid left join pg_collation c on c.oid = a.attcollation
        where a.attrelid = to_regclass(n) and a.attnum > 0 and not a.attisdropped) as columns
      from unnest(bookkeeping) as n) as t;
    if found <> expected then
      raise exception using errcode = 'RV004', detail = found, message = format(
        'the tables of the ledger were changed, or another version of this program created them (%s), and this version does not upgrade them: use that version, %s',
        coalesce(obj_description(to_regclass('event_source'), 'pg_class'), 'unnamed'), put_aside);
    end if;
  elsif missing <> bookkeeping then
    -- A recreated table would be empty, so events that the lost table recorded would be counted twice or never.
    raise exception using errcode = 'RV003', message = format(
      'the bookkeeping tables of the ledger are incomplete, %s is missing: %s, %s', array_to_string(missing, ', '), restore, put_aside);
  elsif to_regclass('users_revenue') is not null then
    if exists (select 1 from users_revenue limit 1) then
      raise exception using errcode = 'RV003', message =
        'users_revenue has balances, but event_source is missing. It records which events they contain, so all events would be counted again: '
        || restore || ', or rename the table with "alter table users_revenue rename to users_revenue_old" and start again';
    end if;
  end if;

  if to_regclass('users_revenue') is null then
    -- Watermarks without their sums would make the ledger wrong without any error.
    if to_regclass('event_source') is not null then
      if exists (select from event_source where claimed_through > 0) then
        raise exception using errcode = 'RV003', message = format(
          'users_revenue is missing, but event_source records that events were counted: %s, %s', restore, put_aside);
      end if;
    end if;
  end if;

  if exists (select from unnest(existing) as t join pg_class c on c.oid = to_regclass(t) where c.relpersistence = 't') then
    raise exception using errcode = 'RV005', message =
      'the search_path finds temporary tables, which Postgres drops when their session ends: set Search Path in ConnectionStrings:revenuedb to the schema of the ledger';
  end if;

  -- A crash of Postgres empties UNLOGGED tables only.
  select string_agg(format('%I', c.relname), ', ' order by c.relname), string_agg(format('alter table %I set logged', c.relname), '; ' order by c.relname) into found, repair
    from unnest(existing) as t join pg_class c on c.oid = to_regclass(t) where c.relpersistence = 'u';
  if found is not null then
    raise exception using errcode = 'RV006', message = format(
      'UNLOGGED: %s in schema %I would be empty after a crash of Postgres, which would make the ledger wrong: run "%s" and start again', found, current_schema(), repair);
  end if;

  -- Upserts and compare-and-set rely on these keys. Postgres checks a deferrable key too late, and "on conflict" does not accept one.
  select format('(%s) of %s', k.columns, k.name) || case when i.indexrelid is null then ' is missing' else ' is deferrable' end,
      format('alter table %I %sadd %s (%s)', k.name, (select format('drop constraint %I, ', c.conname) from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u')), k.kind, k.columns)
    into found, repair
    from (values
      ('users_revenue', 'primary key', 'user_id'), ('event_source', 'primary key', 'source_id'), ('event_source', 'unique', 'content_id, generation'),
      ('event_source_digest', 'primary key', 'length, sha256'), ('event_range', 'primary key', 'range_id'), ('event_range', 'unique', 'source_id, from_offset'),
      ('event_part', 'primary key', 'range_id, part_index'), ('rejected_event', 'primary key', 'source_id, "offset"')) as k (name, kind, columns)
    left join lateral (
      select i.indexrelid, i.indimmediate from pg_index i
      where i.indrelid = to_regclass(k.name) and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null and i.indisprimary = (k.kind = 'primary key')
        and replace(k.columns, '"', '') = (
          select string_agg(a.attname, ', ' order by o.place) from unnest(i.indkey::smallint[]) with ordinality as o (number, place)
          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = o.number where o.place <= i.indnkeyatts)
      order by i.indimmediate desc limit 1) as i on true
    where k.name = any (existing) and i.indimmediate is not true and (k.name <> 'users_revenue' or i.indexrelid is not null)
    limit 1;
  if found is not null then
    raise exception using errcode = 'RV007', message = format('the key %s, but exact counting relies on it: run "%s" and start again', found, repair);
  end if;

  if to_regclass('users_revenue') is not null then
    select string_agg(concat_ws(' ', a.attname,
        concat(case when y.typnamespace <> 'pg_catalog'::regnamespace then y.typnamespace::regnamespace || '.' end, y.typname, '(' || nullif(a.atttypmod, -1) || ')'),
        case when c.collname <> 'default' then format('collate "%s"', c.collname) end,
        case when a.attnotnull then 'not null' end), ', ' order by a.attnum)
      into found
      from pg_attribute a join pg_type y on y.oid = a.atttypid left join pg_collation c on c.oid = a.attcollation
      where a.attrelid = to_regclass('users_revenue') and a.attnum > 0 and not a.attisdropped;
    if found is distinct from 'user_id text collate "C" not null, revenue numeric not null'
      or not exists (
        select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = to_regclass('users_revenue') and i.indisprimary and i.indnkeyatts = 1 and a.attname = 'user_id')
    then
      raise exception using errcode = 'RV002', message = format(
        'the table users_revenue exists already, but with the columns (%s) instead of (user_id text collate "C" primary key, revenue numeric not null): '
        '%s and start again', found, case when to_regclass('event_source') is null
          then 'rename it with "alter table users_revenue rename to users_revenue_old"' else 'it was changed: change it back with alter table' end);
    end if;
  end if;
end $check$;

-- The ledger itself. numeric never overflows; collate "C" orders keys by their bytes, as the processor does. Pages are filled to 50 %, so that new row
-- versions fit in the same page and need no index entry. This halves the time of an update, because a merge updates all users of a page together.
create table if not exists users_revenue (
  user_id text collate "C" primary key,
  revenue numeric not null
) with (fillfactor = 50);

-- The tables below have no foreign keys. A foreign key would lock a row of event_source after one of event_range, which violates the lock order
-- (event_source, event_range, event_part, users_revenue). The writing statements check the parent rows instead.

-- A log, or one generation of a file's content. Offsets are bytes from the beginning of the source.
create table if not exists event_source (
  source_id       uuid primary key,            -- a log's id, or random
  kind            text not null check (kind in ('log', 'file')),
  name            text not null,               -- full path as last seen
  content_id      uuid not null,               -- source_id of generation 1; the same in all generations of one content
  generation      integer not null,
  length          bigint not null,             -- file: its latest known length; log: 0
  claimed_through bigint not null default 0,
  applied_through bigint not null default 0,
  lines_through   bigint not null default 0,   -- lines, events, rejected lines before applied_through
  events_through  bigint not null default 0,
  rejects_through bigint not null default 0,
  revenue_through numeric not null default 0,  -- sum of those events; the ledger's total is the sum over sources, which reads no users
  tail_hash       bytea not null default '',   -- SHA-256 of the last 4096 bytes before applied_through, or of all if there are fewer
  types_hash      bytea not null default '',   -- types_hash of the applied ranges; one byte if they differ
  lease_owner     uuid,
  lease_until     timestamptz,
  created_at      timestamptz not null default now(),
  unique (content_id, generation),
  check (applied_through between 0 and claimed_through)
);

-- Identifies a file's content by the SHA-256 of its first "length" bytes. Creation adds a row, and so does each growth.
-- A length of 0 is forbidden, because it would match every file.
create table if not exists event_source_digest (
  length     bigint not null check (length > 0),
  sha256     bytea not null,
  content_id uuid not null,
  recorded_by uuid not null,                   -- random id of the caller's attempt: after a lost answer, a repeated call recognises its own row
  primary key (length, sha256)
);
create index if not exists event_source_digest_content on event_source_digest (content_id);

-- Paths at which a file's content was seen. They are only hints: verify compares the content. This script adds the table to a ledger of version 3.
create table if not exists event_source_path (
  content_id uuid not null,
  path       text not null,                    -- full path without links; the latest 64 per content
  seen_at    timestamptz not null default clock_timestamp(),
  primary key (content_id, path)
);

-- A claimed range of a source that is not closed yet.
create table if not exists event_range (
  range_id               uuid primary key,     -- random, chosen by the claiming processor
  source_id              uuid not null,
  from_offset            bigint not null,
  claimed_end            bigint not null,
  end_fixed              bigint,               -- null until the range is frozen; nothing is merged before
  bytes_hash             bytea,
  types_hash             bytea,
  lines                  bigint,
  events                 bigint,
  rejects                bigint,
  revenue                numeric,              -- sum of the events
  last_reject_offset     bigint,               -- -1: none
  rejects_merged_through bigint not null default -1,
  lease_owner            uuid,
  lease_until            timestamptz,
  unique (source_id, from_offset),
  check (from_offset < claimed_end and end_fixed > from_offset and end_fixed <= claimed_end)
);

-- A slice of a frozen range's users, in key order: merged through the user merged_through ('': none yet).
create table if not exists event_part (
  range_id       uuid not null,
  part_index     integer not null,
  upper_key      text collate "C" not null,
  merged_through text collate "C" not null default '',
  primary key (range_id, part_index)
);

-- Lines that are not events.
create table if not exists rejected_event (
  source_id   uuid not null,
  "offset"    bigint not null,
  line        bigint not null,                 -- counted from 1 in the source; while range_id is set, counted from 0 in the range
  range_id    uuid,                            -- set until the close of the range makes the line number absolute
  reason      text not null,
  beginning   text not null,
  rejected_at timestamptz not null default now(),
  primary key (source_id, "offset")
);
-- Finds the latest rejects of all sources.
create index if not exists rejected_event_latest on rejected_event (rejected_at, "offset");

-- The programs skip this script if they find its version here. Each change of a table needs the next number, here, in LedgerSchema and in the check above.
comment on table event_source is 'ledger schema 4';

commit;
