-- The tables of logs in Postgres (EventLog:Engine=Postgres). The programs apply this script at start; it also works with psql (psql -f eventlog.sql).
-- Both are safe at any time, with or without existing tables. The script is one transaction.

begin;

-- One session at a time: "create table if not exists" still fails if two sessions create the same table at once.
do $$ begin perform pg_advisory_xact_lock(5641763209170223); end $$;

do $$
declare
  tables constant text[] := array['event_log', 'event_log_batch', 'event_log_key', 'event_log_memory'];
  homes text[];
  missing text[];
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception using errcode = 'RV001', message = format(
      'the database "%s" uses the encoding %s, but events are UTF-8: create another database with "create database %I template template0 encoding ''UTF8'' locale ''C''" and set it in ConnectionStrings:revenuedb',
      current_database(), current_setting('server_encoding'), left(current_database(), 58) || '_utf8');
  end if;

  homes := array(
    select distinct n.nspname::text from unnest(tables) as t
    join pg_class c on c.oid = to_regclass(t) join pg_namespace n on n.oid = c.relnamespace order by 1);
  if cardinality(homes) > 1 then
    raise exception using errcode = 'RV005', message = format(
      'the search_path "%s" finds tables of the event log in more than one schema (%s): set Search Path in ConnectionStrings:revenuedb to the schema of one installation',
      current_setting('search_path'), array_to_string(homes, ', '));
  elsif homes = '{}' and current_schema() is null then
    raise exception using errcode = 'RV005', message = format(
      'no schema of the search_path "%s" exists: create it, or correct Search Path in ConnectionStrings:revenuedb', current_setting('search_path'));
  end if;

  -- Recreating a lost table would leave it empty: acknowledged events would be lost, or appended twice.
  missing := array(select t from unnest(tables) as t where to_regclass(t) is null);
  if missing <> '{}' and missing <> tables then
    raise exception using errcode = 'RV003', message = format(
      'of the tables of the event log, %s is missing: restore all tables of this project together from one backup', array_to_string(missing, ', '));
  end if;

  -- Create missing objects in the schema of the existing tables, even if it is not the first one of the search_path.
  perform set_config('search_path', quote_ident(coalesce(homes[1], current_schema())), true);
end $$;

-- One row per log, and one log per API process. Offsets are bytes from the beginning of the log.
create table if not exists event_log (
  log_id       uuid primary key,
  writer       text not null,                  -- host and process, as text for people
  first_offset bigint not null default 0,      -- retention has removed everything before it
  end_offset   bigint not null default 0,      -- the durable mark; moves in the transaction that writes the bytes before it
  epoch        bigint not null default 0,      -- each append names it; raising it makes running appends of earlier sessions fail
  is_closed    boolean not null default false, -- no process appends any more
  alive_until  timestamptz not null,           -- renewed regularly by the process; after it, another process closes the log
  created_at   timestamptz not null default now(),
  check (first_offset between 0 and end_offset)
) with (fillfactor = 50);

-- One row per group commit: JSON Lines, [from_offset, to_offset) of the log.
create table if not exists event_log_batch (
  log_id      uuid not null,
  from_offset bigint not null,
  to_offset   bigint not null,
  encoding    smallint not null check (encoding in (0, 1)), -- of bytes; 0: plain, 1: Brotli
  crc         bigint not null,                              -- CRC-32C of the bytes before compression
  bytes       bytea not null,
  primary key (log_id, from_offset),
  check (from_offset < to_offset)
);
-- The bytes are already compressed, or too short to compress.
alter table event_log_batch alter column bytes set storage external;

-- The idempotency keys of the last keyed records of all logs: all processes share them.
create table if not exists event_log_key (
  key_hash       bytea primary key,            -- first 16 bytes of the key's SHA-256
  body_hash      bytea not null,               -- first 16 bytes of the body's SHA-256
  log_id         uuid not null,
  record_offset  bigint not null,              -- the group's last record
  record_count   integer not null,
  rejected_count integer not null,
  key_number     bigint generated always as identity
);
create index if not exists event_log_key_number on event_log_key (key_number);

-- A single row: the id of the key table's content, and its first remembered key.
create table if not exists event_log_memory (
  memory_id  uuid not null,
  keys_from  bigint not null default 0,        -- keys from this number on are remembered
  is_only    boolean primary key default true check (is_only)
);
-- The time at which keys_from last moved. The keys before it are removed some minutes later.
alter table event_log_memory add column if not exists announced_at timestamptz not null default '-infinity';
insert into event_log_memory (memory_id) values (gen_random_uuid()) on conflict do nothing;

-- Checks the properties on which acknowledgements rely. The programs also run this block at each start; it changes nothing.
-- Types are compared by their catalog names, so the result does not depend on session settings.
do $check$
declare
  tables constant text[] := array['event_log', 'event_log_batch', 'event_log_key', 'event_log_memory'];
  expected constant text := 'event_log(alive_until timestamptz, created_at timestamptz, end_offset int8, epoch int8, first_offset int8, is_closed bool, log_id uuid, writer text); '
    'event_log_batch(bytes bytea, crc int8, encoding int2, from_offset int8, log_id uuid, to_offset int8); '
    'event_log_key(body_hash bytea, key_hash bytea, key_number int8, log_id uuid, record_count int4, record_offset int8, rejected_count int4); '
    'event_log_memory(announced_at timestamptz, is_only bool, keys_from int8, memory_id uuid)';
  found text;
  repair text;
begin
  perform set_config('quote_all_identifiers', 'off', true);
  select string_agg(t, ', ') into found from unnest(tables) as t where to_regclass(t) is null;
  if found is not null then
    raise exception using errcode = 'RV003', message = format(
      'of the tables of the event log, %s is missing: restore all tables of this project together from one backup', found);
  end if;

  if (select count(distinct c.relnamespace) from unnest(tables) as t join pg_class c on c.oid = to_regclass(t)) > 1 then
    raise exception using errcode = 'RV005', message = format(
      'the search_path "%s" finds tables of the event log in more than one schema: set Search Path in ConnectionStrings:revenuedb to the schema of one installation', current_setting('search_path'));
  end if;

  select string_agg(format('%I', t), ', ' order by t), string_agg(format('alter table %I set logged', t), '; ' order by t) into found, repair
    from unnest(tables) as t join pg_class c on c.oid = to_regclass(t) where c.relpersistence <> 'p';
  if found is not null then
    raise exception using errcode = 'RV006', message = format('UNLOGGED: %s would be empty after a crash of Postgres, and acknowledged events would be lost: run "%s" and start again', found, repair);
  end if;

  select string_agg(format('%s(%s)', t.name, t.columns), '; ' order by t.name collate "C") into found from (
    select n as name, (
      select string_agg(concat(a.attname, ' ', case when y.typnamespace <> 'pg_catalog'::regnamespace then y.typnamespace::regnamespace || '.' end, y.typname, '(' || nullif(a.atttypmod, -1) || ')'),
        ', ' order by a.attname collate "C")
      from pg_attribute a join pg_type y on y.oid = a.atttypid where a.attrelid = to_regclass(n) and a.attnum > 0 and not a.attisdropped) as columns
    from unnest(tables) as n) as t;
  if found <> expected then
    raise exception using errcode = 'RV004', detail = found, message =
      'the tables of the event log were changed, or another version of this program created them, and this version does not upgrade them: use that version, or undo the change';
  end if;

  select format('(%s) of %s', k.columns, k.name) || case when i.indexrelid is null then ' is missing' else ' is deferrable' end,
      format('alter table %I %sadd constraint %I primary key (%s)', k.name, (select format('drop constraint %I, ', c.conname) from pg_constraint c where c.conindid = i.indexrelid), k.name || '_pkey', k.columns)
    into found, repair
    from (values ('event_log', 'log_id'), ('event_log_batch', 'log_id, from_offset'), ('event_log_key', 'key_hash'), ('event_log_memory', 'is_only')) as k (name, columns)
    left join lateral (
      select i.indexrelid, i.indimmediate from pg_index i
      where i.indrelid = to_regclass(k.name) and i.indisprimary and i.indisvalid and k.columns = (
        select string_agg(a.attname, ', ' order by o.place) from unnest(i.indkey::smallint[]) with ordinality as o (number, place)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = o.number where o.place <= i.indnkeyatts)) as i on true
    where i.indimmediate is not true limit 1;
  if found is not null then
    raise exception using errcode = 'RV007', message = format('the key %s, but acknowledgements rely on it: run "%s" and start again', found, repair);
  end if;
end $check$;

-- The programs skip this script if they find its version here.
comment on table event_log is 'event log schema 2';

commit;
