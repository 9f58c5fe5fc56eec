using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>Detects whether the server cancelled a commit's wait for its standbys, from the creation of this object to its disposal (rule R1). Not
/// thread-safe.</summary>
/// <remarks>Postgres reports such a commit as a success, with a warning that arrives before the end of the statement.</remarks>
public sealed class CommitConfirmation : IDisposable
{
    private readonly NpgsqlConnection _connection;

    /// <summary>Watches a connection.</summary>
    public CommitConfirmation(NpgsqlConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        _connection = connection;
        _connection.Notice += Watch;
    }

    /// <summary>Whether a commit since the creation of this object may be on only one machine.</summary>
    public bool IsMissing { get; private set; }

    /// <summary>Requires the confirmation.</summary>
    /// <exception cref="UnconfirmedCommitException">The wait was cancelled.</exception>
    public void Require()
    {
        if (IsMissing)
        {
            throw new UnconfirmedCommitException();
        }
    }

    public void Dispose() => _connection.Notice -= Watch;

    private void Watch(object sender, NpgsqlNoticeEventArgs notice) => IsMissing |= notice.Notice.Routine == Replication.WaitRoutine;
}

/// <summary>The server cancelled a wait for its synchronous standbys: the commit may be on only one machine, and is in doubt (rule R1).</summary>
public sealed class UnconfirmedCommitException() : NpgsqlException("the database's synchronous standbys have not confirmed the commit")
{
    public override bool IsTransient => true;
}
