namespace RevenueAspire.Testing;

/// <summary>Makes a plain database look like one that is distributed by Citus, so that the statements for Citus run in it.</summary>
public static class DistributedForm
{
    /// <summary>Run this after db.sql. It creates the trigger on the table, the list of committed transactions, and the function that queries the workers. The
    /// rows of table <c>worker</c> determine its answer: each is a prepared transaction, or null for an unreachable worker.</summary>
    public const string Script =
        """
        create function citus_truncate_trigger() returns trigger language plpgsql as 'begin return null; end';
        create trigger distributed after truncate on users_revenue execute function citus_truncate_trigger();
        create table pg_dist_local_group as select 0 as groupid;
        create table pg_dist_transaction (gid text);
        create table worker (gid text);
        create function run_command_on_workers(text) returns table (nodename text, nodeport integer, success boolean, result text)
        language sql as $$ select 'worker', 1, count(*) = count(gid), coalesce(string_agg(gid, ','), '') from worker $$;
        """;
}
