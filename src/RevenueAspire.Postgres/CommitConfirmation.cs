using Npgsql;

namespace RevenueAspire.Postgres;

/// <summary>Notes whether the server ended a commit's wait for its standbys, from its beginning to its disposal (rule R1). Not thread-safe.</summary>
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

    /// <summary>Whether a commit since the beginning may be on one machine only.</summary>
    public bool IsMissing { get; private set; }

    /// <summary>Insists on the confirmation.</summary>
    /// <exception cref="UnconfirmedCommitException">The wait was ended.</exception>
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

/// <summary>The server ended a wait for its synchronous standbys: the commit may be on one machine only, and is in doubt (rule R1).</summary>
public sealed class UnconfirmedCommitException() : NpgsqlException("the database's synchronous standbys have not confirmed the commit")
{
    public override bool IsTransient => true;
}
