-- The history of the ledger: which events make up each balance. Created when History:Enabled is first set, and removed by the command "history drop".
-- db.sql is not changed by it. LedgerHistory applies this script in one transaction.

-- One row: the state of the history.
create table history_state (
  only_row   boolean primary key default true check (only_row),
  version    integer not null,                  -- of these tables
  started_at timestamptz not null default now(),
  kept_at    timestamptz                        -- set by "history keep": rows end here
);

-- Application order, over all users. The upper bits number the partition: the first value of a partition is its number times 2^40, and a value of a user is
-- drawn while the user's balance is locked. So values ascend in the order in which a user's events were applied, without a clock.
-- Partition 0 holds the rows that "history build" adds: they come before all others.
create sequence history_seq as bigint minvalue 1099511627776 no cycle;

create table history_partition (
  number     integer primary key,
  started_at timestamptz not null               -- its rows were applied from here to the start of the next one
);

-- Sources and names by short numbers.
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

-- Events that were applied and have no rows: those from before the history began. After "history build" there are none.
create table history_missing (
  source_id    uuid not null,
  from_offset  bigint not null,
  end_offset   bigint not null,
  after_user   text collate "C" not null,       -- users after this one ('': from the first) ...
  through_user text collate "C",                -- ... up to this one (null: to the last)
  primary key (source_id, from_offset, after_user)
);

-- Some events of one user from one source, applied by one statement; the view user_event has a row for each event.
create table event_history (
  seq       bigint not null,
  at        timestamptz not null,               -- log: server time of the first event; file: when they were applied. All events of a row are of one hour (UTC)
  source_no integer not null,
  user_id   text collate "C" not null,
  revenue   numeric not null,                   -- sum of the row's events
  balance   numeric not null,                   -- of the user after the row's events
  events    bytea not null,                     -- see HistoryCodec
  primary key (user_id, seq)
) partition by range (seq);
