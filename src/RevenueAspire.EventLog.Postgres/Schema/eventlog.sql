-- The tables of logs that are kept in Postgres (EventLog:Engine=Postgres). Usable with plain psql (psql -f eventlog.sql), and applied by the programs at their
-- start: both are safe at any time, on an empty database and on one that has the tables already. Everything happens in one transaction.

begin;

-- One at a time: "create table if not exists" alone still fails when two sessions create the same table at once.
do $$ begin perform pg_advisory_xact_lock(5641763209170223); end $$;

do $$
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception using errcode = 'RV001', message = format(
      'the database "%s" has the encoding %s, but events are UTF-8: create one with "create database revenue template template0 encoding ''UTF8''" and use that',
      current_database(), current_setting('server_encoding'));
  end if;
end $$;

-- One row a log, and one log a process of the API. Offsets are bytes from the beginning of the log.
create table if not exists event_log (
  log_id       uuid primary key,
  writer       text not null,                  -- host and process, for people
  first_offset bigint not null default 0,      -- what was before, retention has removed
  end_offset   bigint not null default 0,      -- the durable mark: moves in the transaction that writes the bytes before it
  epoch        bigint not null default 0,      -- every append names it: raising it makes appends that may still be under way fail
  is_closed    boolean not null default false, -- its process has ended: nothing is appended any more
  alive_until  timestamptz not null,           -- the process says again and again that it lives
  created_at   timestamptz not null default now(),
  check (first_offset between 0 and end_offset)
) with (fillfactor = 50);

-- One row a group commit: JSON Lines, [from_offset, to_offset) of the log.
create table if not exists event_log_batch (
  log_id      uuid not null,
  from_offset bigint not null,
  to_offset   bigint not null,
  encoding    smallint not null check (encoding in (0, 1)), -- 0: as they are, 1: Brotli
  crc         bigint not null,                              -- CRC-32C of the bytes before compression
  bytes       bytea not null,
  primary key (log_id, from_offset),
  check (from_offset < to_offset)
);
-- Compressed already, or too short for it.
alter table event_log_batch alter column bytes set storage external;

-- The idempotency keys of the last keyed records, of all logs: they hold across processes.
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

-- Names this memory of keys, and tells up to where it has forgotten: one row.
create table if not exists event_log_memory (
  memory_id  uuid not null,
  keys_from  bigint not null default 0,        -- keys with this number or a larger one are remembered
  is_only    boolean primary key default true check (is_only)
);
-- When keys_from was moved last: the keys before it are removed a good while later only.
alter table event_log_memory add column if not exists announced_at timestamptz not null default '-infinity';
insert into event_log_memory (memory_id) values (gen_random_uuid()) on conflict do nothing;

-- The programs skip this script when they find its version here.
comment on table event_log is 'event log schema 2';

commit;
