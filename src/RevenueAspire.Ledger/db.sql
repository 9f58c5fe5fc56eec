-- The schema of the ledger. Usable with plain psql (psql -f db.sql), and applied by the programs at their start: both are safe at any time,
-- on an empty database and on one that has the tables already. Everything happens in one transaction.

begin;

-- One at a time: "create table if not exists" alone still fails when two sessions create the same table at once.
do $$ begin perform pg_advisory_xact_lock(5641763209170221); end $$;

-- Refuse what the ledger cannot work with, before anything is created.
do $$
declare
  bookkeeping constant text[] := array['event_part', 'event_range', 'event_source', 'event_source_digest', 'rejected_event'];
  expected constant text := 'event_part(merged_through text, part_index integer, range_id uuid, upper_key text); '
    'event_range(bytes_hash bytea, claimed_end bigint, end_fixed bigint, events bigint, from_offset bigint, last_reject_offset bigint, lease_owner uuid, '
    'lease_until timestamp with time zone, lines bigint, range_id uuid, rejects bigint, rejects_merged_through bigint, revenue numeric, source_id uuid, types_hash bytea); '
    'event_source(applied_through bigint, claimed_through bigint, content_id uuid, created_at timestamp with time zone, events_through bigint, generation integer, kind text, '
    'lease_owner uuid, lease_until timestamp with time zone, length bigint, lines_through bigint, name text, rejects_through bigint, revenue_through numeric, source_id uuid, tail_hash bytea, types_hash bytea); '
    'event_source_digest(content_id uuid, length bigint, recorded_by uuid, sha256 bytea); '
    'rejected_event(beginning text, line bigint, offset bigint, range_id uuid, reason text, rejected_at timestamp with time zone, source_id uuid)';
  start_over constant text := 'or start over with "drop table if exists users_revenue, event_source, event_source_digest, event_range, event_part, rejected_event, event_source_path": '
    'logs are then counted from their beginning, and files when they are processed again';
  missing text[];
  found text;
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception using errcode = 'RV001', message = format(
      'the database "%s" has the encoding %s, but user ids are UTF-8: create one with "create database revenue template template0 encoding ''UTF8''" and use that',
      current_database(), current_setting('server_encoding'));
  end if;

  -- Made by another version? A newer one may mean something else by the same columns, so the number is asked, too.
  if substring(obj_description(to_regclass('event_source'), 'pg_class') from '^ledger schema ([0-9]{1,9})$')::integer > 4 then
    raise exception using errcode = 'RV004', message = format(
      'the tables were made by a newer version of this program (%s, this one knows 4): use that version, %s', obj_description(to_regclass('event_source'), 'pg_class'), start_over);
  end if;

  missing := array(select t from unnest(bookkeeping) as t where to_regclass(t) is null);
  if missing = '{}' then
    select string_agg(format('%s(%s)', t.name, t.columns), '; ' order by t.name) into found from (
      select n as name, (select string_agg(format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attname collate "C")
                         from pg_attribute a where a.attrelid = to_regclass(n) and a.attnum > 0 and not a.attisdropped) as columns
      from unnest(bookkeeping) as n) as t;
    if found <> expected then
      raise exception using errcode = 'RV004', detail = found, message = format(
        'the tables of the ledger were made by another version of this program (%s), and this one does not change them: use that version, %s',
        coalesce(obj_description(to_regclass('event_source'), 'pg_class'), 'unnamed'), start_over);
    end if;
  elsif missing <> bookkeeping then
    -- Made anew they would be empty: what a lost one said of files, ranges or rejects would be counted twice, or never.
    raise exception using errcode = 'RV003', message = format(
      'of the tables that say what was counted, %s is missing: restore it from a backup, %s', array_to_string(missing, ', '), start_over);
  elsif to_regclass('users_revenue') is not null then
    if exists (select from users_revenue) then
      raise exception using errcode = 'RV003', message =
        'users_revenue has balances, but event_source, which says what was counted into them, is missing, so all of it would be counted again: '
        'restore it from a backup, or put the balances aside with "alter table users_revenue rename to users_revenue_old" and start again';
    end if;
  end if;

  if to_regclass('users_revenue') is null then
    -- Watermarks without the sums that they stand for would make the ledger wrong without a word.
    if to_regclass('event_source') is not null then
      if exists (select from event_source where claimed_through > 0) then
        raise exception using errcode = 'RV003', message =
          'users_revenue is missing, but event_source says that events were counted into it: restore it from a backup, or start over with '
          '"drop table if exists event_source, event_source_digest, event_range, event_part, rejected_event, event_source_path"';
      end if;
    end if;
  else
    select string_agg(format('%s %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
        case when c.collname <> 'default' then format(' collate "%s"', c.collname) else '' end,
        case when a.attnotnull then ' not null' else '' end), ', ' order by a.attnum)
      into found
      from pg_attribute a left join pg_collation c on c.oid = a.attcollation
      where a.attrelid = to_regclass('users_revenue') and a.attnum > 0 and not a.attisdropped;
    if found is distinct from 'user_id text collate "C" not null, revenue numeric not null'
      or not exists (
        select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indrelid = to_regclass('users_revenue') and i.indisprimary and i.indnkeyatts = 1 and a.attname = 'user_id')
    then
      raise exception using errcode = 'RV002', message = format(
        'the table users_revenue exists already, but as (%s) where the ledger needs (user_id text collate "C" primary key, revenue numeric not null): '
        'put it aside with "alter table users_revenue rename to users_revenue_old" and start again, or use another database', found);
    end if;
  end if;
end $$;

-- The ledger itself. numeric never overflows; collate "C" orders keys by their bytes, as the processor does. Pages are filled by half: a merge updates
-- the users of a page together, and their new versions then fit beside the old ones without an entry in the index, which halves the time of an update.
create table if not exists users_revenue (
  user_id text collate "C" primary key,
  revenue numeric not null
) with (fillfactor = 50);

-- No foreign keys below: each would lock a row of event_source after one of event_range, against the one order of locks
-- (event_source, event_range, event_part, users_revenue), and all rows are written by statements that check their parents themselves.

-- A log, or one generation of a file's content. Offsets are bytes from the beginning of the source.
create table if not exists event_source (
  source_id       uuid primary key,            -- a log's id, or random
  kind            text not null check (kind in ('log', 'file')),
  name            text not null,               -- full path as last seen
  content_id      uuid not null,               -- source_id of generation 1: joins the generations of one content
  generation      integer not null,
  length          bigint not null,             -- file: its newest known length; log: 0
  claimed_through bigint not null default 0,
  applied_through bigint not null default 0,
  lines_through   bigint not null default 0,   -- lines, events, rejected lines before applied_through
  events_through  bigint not null default 0,
  rejects_through bigint not null default 0,
  revenue_through numeric not null default 0,  -- sum of those events, so that the ledger's total is a sum over sources and not over users
  tail_hash       bytea not null default '',   -- SHA-256 of the last up to 4096 bytes before applied_through
  types_hash      bytea not null default '',   -- the types_hash of what is applied; one byte: it had different ones
  lease_owner     uuid,
  lease_until     timestamptz,
  created_at      timestamptz not null default now(),
  unique (content_id, generation),
  check (applied_through between 0 and claimed_through)
);

-- What a file's content is known by: SHA-256 of its first "length" bytes, one at creation and one at each growth.
-- Never of length 0, which would match every file.
create table if not exists event_source_digest (
  length     bigint not null check (length > 0),
  sha256     bytea not null,
  content_id uuid not null,
  recorded_by uuid not null,                   -- random, made by the caller: a repeat of a call whose answer was lost finds its own work
  primary key (length, sha256)
);
create index if not exists event_source_digest_content on event_source_digest (content_id);

-- Where a file's content was seen: hints for verify, which compares the content. Version 3 has no such table; this script adds it.
create table if not exists event_source_path (
  content_id uuid not null,
  path       text not null,                    -- full path without links; the latest 64 per content
  seen_at    timestamptz not null default clock_timestamp(),
  primary key (content_id, path)
);

-- A claimed piece of a source that is not folded into applied_through yet.
create table if not exists event_range (
  range_id               uuid primary key,     -- random, made by the claimer
  source_id              uuid not null,
  from_offset            bigint not null,
  claimed_end            bigint not null,
  end_fixed              bigint,               -- null until frozen; before that nothing of the range is merged
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
  line        bigint not null,                 -- from 1 in the source; from 0 in the range while range_id is set, which ends before the range is folded
  range_id    uuid,                            -- set until the range is folded
  reason      text not null,
  beginning   text not null,
  rejected_at timestamptz not null default now(),
  primary key (source_id, "offset")
);
-- The latest ones of all sources.
create index if not exists rejected_event_latest on rejected_event (rejected_at, "offset");

-- The programs skip this script when they find its version here. Each change of a table takes the next number (also in LedgerSchema and in the check above, which refuses older and newer tables).
comment on table event_source is 'ledger schema 4';

commit;
