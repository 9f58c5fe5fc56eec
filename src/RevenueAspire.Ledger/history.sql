-- The history of the ledger: the events that make up each balance. A processor creates these tables when History:Enabled is first set, and the command
-- "history drop" removes them. The tables of db.sql stay as they are. LedgerHistory applies this script in one transaction.

-- One row: the state of the history.
create table history_state (
  only_row      boolean primary key default true check (only_row),
  version       integer not null,               -- of these tables
  history_id    uuid not null,                  -- random: the guard refuses a processor that still uses the numbers of an earlier history
  started_at    timestamptz not null default now(),
  kept_at       timestamptz,                    -- set by "history keep": no rows are written after it
  retained_from timestamptz                     -- start of the oldest partition; null until retention drops one
);

-- The order of application, over all users. The upper bits are the partition's number: the first value of a partition is its number times 2^36. A merge draws
-- a user's value while the user's balance is locked, so values ascend in the order in which a user's events were applied, without a clock.
-- Partition 0 contains the rows that "history build" adds. They precede all others.
create sequence history_seq as bigint minvalue 68719476736 no cycle;

create table history_partition (
  number     integer primary key,
  started_at timestamptz not null               -- its rows were applied between this time and the start of the next partition
);

-- Short numbers of sources and names.
create table history_source (
  source_no integer generated always as identity primary key,
  source_id uuid not null unique,
  is_log    boolean not null
);

create table history_type (
  type_no integer generated always as identity primary key,
  name    text not null,
  sign    integer not null check (sign in (1, -1)),
  unique (name, sign)
);

-- Applied events without rows: those from before the history began. The table is empty after "history build".
create table history_missing (
  source_id    uuid not null,
  from_offset  bigint not null,
  end_offset   bigint not null,
  after_user   text collate "C" not null,       -- users after this one ('': from the first) ...
  through_user text collate "C",                -- ... up to this one (null: to the last)
  primary key (source_id, from_offset, after_user)
);

-- Each row contains events of one user and one source that one statement applied. The view user_event has one row per event.
create table event_history (
  seq       bigint not null,
  at        timestamptz not null,               -- log: server time of the first event; file: time of application. All events of a row are from the same hour (UTC)
  user_id   text collate "C" not null,
  revenue   numeric not null,                   -- sum of the row's events
  balance   numeric not null,                   -- the user's balance after the row's events
  events    bytea not null                      -- with the number of their source: see HistoryCodec
) partition by range (seq);

-- A block of 2^20 values instead of seq: Postgres stores equal keys once, so the rows of a user in a block share an entry. This saves up to nine tenths of the
-- index.
create index event_history_user on event_history (user_id, ((seq >> 20)::integer));
create index event_history_at on event_history using brin (at);

-- Decodes the column "events" for people who use SQL. The programs use HistoryCodec instead.
create function history_events(events bytea, at timestamptz)
returns table (source_no integer, "offset" bigint, type_no integer, value bigint, "time" timestamptz)
language plpgsql immutable strict parallel safe as $$
declare
  place integer := 0;
  digit integer;
  shift integer;
  number bigint;
  passed bigint := 0;
  last_field integer := 3;
  have_times boolean;
begin
  "offset" := 0;
  while place < length(events) loop
    -- Field 0 precedes the first event, which has the row's time.
    for field in case place when 0 then 0 else 1 end .. last_field loop
      number := 0;
      shift := 0;
      loop
        digit := get_byte(events, place);
        place := place + 1;
        number := number | ((digit & 127)::bigint << shift);
        exit when digit < 128;
        shift := shift + 7;
      end loop;
      case field
        when 0 then
          source_no := number >> 1;
          have_times := number & 1 = 1;
        when 1 then "offset" := "offset" + number;
        when 2 then type_no := number;
        when 3 then value := ((number >> 1) & 9223372036854775807) # -(number & 1);
        else passed := passed + (((number >> 1) & 9223372036854775807) # -(number & 1));
      end case;
    end loop;
    "time" := case when have_times then at + passed * interval '1 millisecond' end;
    last_field := case when have_times then 4 else 3 end;
    return next;
  end loop;
end $$;

-- One row per event. "order by seq, offset" returns a user's events in the order in which they were applied.
create view user_event as
select h.user_id, s.source_id, e."offset", e."time", t.name, e.value,
  case when s.is_log then replace(s.source_id::text, '-', '') || ':' || e."offset" end as receipt, h.seq
from event_history h
cross join lateral history_events(h.events, h.at) e
join history_source s using (source_no)
join history_type t using (type_no);

-- Stops a processor that would change balances without writing history, or write to an ended history. A transaction that writes history sets
-- revenue.history to the history's id. The argument is the id, or '' after "history keep".
create function history_guard() returns trigger language plpgsql as $$
declare
  writer text := coalesce(current_setting('revenue.history', true), '');
begin
  if writer = tg_argv[0] then
    return new;
  end if;
  raise exception using errcode = 'RV009', message = case writer
    when '' then 'the ledger keeps a history, and this processor does not: set History:Enabled=true, or run ''history keep'' or ''history drop'''
    else 'the history that this processor writes was ended by another session: start the processor again' end;
end $$;

-- Record everything applied so far as missing. The caller holds locks on the ledger's tables, so no merge is running.
insert into history_missing (source_id, from_offset, end_offset, after_user)
select source_id, 0, applied_through, '' from event_source where applied_through > 0;

insert into history_missing
select r.source_id, r.from_offset, r.end_fixed, coalesce(l.upper_key, ''), p.merged_through
from event_range r join event_part p using (range_id)
left join event_part l on l.range_id = p.range_id and l.part_index = p.part_index - 1
where p.merged_through <> '';
