using Npgsql;
using RevenueAspire.AppHost.Model;
using RevenueAspire.CommandLine;
using RevenueAspire.LocalPostgres;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>Makes a standby the primary, without losing a commit that was acknowledged. Thread-safe.</summary>
internal sealed class LocalPostgresPromotion(LocalPostgresServers servers, LocalPostgresStates states, ResourceProblems problems)
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan CoverInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>Makes the standby that has received most the primary; the others follow it. Refused while it may lack an acknowledged commit.</summary>
    /// <returns>Whether it is done, and in one line what was done, or why not.</returns>
    public async Task<(bool Done, string Message)> PromoteAsync(LocalPostgresCluster cluster, CancellationToken cancellationToken)
    {
        try
        {
            return (true, await servers.OneAtATimeAsync(() => PromoteOneAsync(cluster, cancellationToken), cancellationToken));
        }
        catch (Exception exception) when (LocalPostgresServers.IsProblem(exception))
        {
            return (false, exception.Message);
        }
    }

    private async Task<string> PromoteOneAsync(LocalPostgresCluster cluster, CancellationToken cancellationToken)
    {
        var former = cluster.Primary;
        if (servers.IsRunning(former))
        {
            throw new UserErrorException($"{former.Name} runs: stop it first.");
        }

        if (!cluster.IsCovered)
        {
            throw new UserErrorException(
                $"No standby is known to have all events of {former.Name}, since none has caught up with it yet: start {former.Name}.");
        }

        await EndAsync(former, cancellationToken);
        var chosen = await MostReceivedAsync(cluster, cancellationToken);
        // From here on the chosen one is the primary, also after a kill: a later start completes the promotion, and makes the former primary a copy.
        cluster.Decide(chosen);
        var followers = cluster.Standbys.Where(servers.IsRunning).ToArray();
        try
        {
            await servers.Started[chosen].PromoteAsync(cancellationToken);
            _ = CoverAsync(chosen, servers.Started[chosen]);
            foreach (var follower in followers)
            {
                await servers.Started[follower].FollowAsync(new LocalPostgresPrimary(chosen.Port, follower.ApplicationName), cancellationToken);
            }
        }
        catch (Exception exception) when (LocalPostgresServers.IsProblem(exception))
        {
            throw new LocalPostgresException(
                $"{chosen.Name} is the primary from now on, but its promotion is not complete ({exception.Message}): stop and start all servers, it first.",
                exception);
        }
        finally
        {
            await states.PublishRolesAsync(cluster, servers.IsRunning(cluster.Primary));
        }

        return followers.Length == 0
            ? $"{chosen.Name} is the primary. Commits wait for a standby: start {former.Name}."
            : $"{chosen.Name} is the primary, followed by {string.Join(", ", followers.Select(follower => follower.Name))}.";
    }

    /// <summary>Makes sure that no process of the former primary is left: one of its sessions could still acknowledge a commit.</summary>
    private async Task EndAsync(LocalPostgresServerResource former, CancellationToken cancellationToken)
    {
        if (!servers.Started.TryGetValue(former, out var server))
        {
            // It has not run since this AppHost began; an earlier one may have left it behind.
            await LocalPostgresServer.StopLeftoverAsync(await servers.OptionsAsync(former, null, cancellationToken), cancellationToken);
            return;
        }

        try
        {
            await server.AllExited.WaitAsync(EndLimit, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new LocalPostgresException($"Processes of {former.Name} are still running: wait for their end, and try again.");
        }
    }

    /// <summary>Each acknowledged commit is on one standby at least, so the one that has received most has all. Each must be asked.</summary>
    private async Task<LocalPostgresServerResource> MostReceivedAsync(LocalPostgresCluster cluster, CancellationToken cancellationToken)
    {
        // A directory that is no standby's has confirmed nothing to the former primary.
        var standbys = cluster.Standbys.Where(standby => LocalPostgresServer.IsStandby(standby.DataDirectory)).ToArray();
        if (standbys.FirstOrDefault(standby => !servers.IsRunning(standby)) is { } stopped)
        {
            throw new UserErrorException($"{stopped.Name} does not run, and may have events that the other standbys lack: start it first.");
        }

        var received = await Task.WhenAll(standbys.Select(standby => servers.Started[standby].ReceivedAsync(cancellationToken)));
        return standbys.Zip(received).MaxBy(entry => entry.Second).First
            ?? throw new UserErrorException($"No standby of {cluster.Primary.Name} has data: start {cluster.Primary.Name}.");
    }

    /// <summary>Waits until a standby has all that the primary has now. What the primary acknowledges from now on, a standby has confirmed.</summary>
    public async Task CoverAsync(LocalPostgresServerResource primary, LocalPostgresServer server)
    {
        if (primary.Cluster.IsCovered || primary.Cluster.Servers.Count == 1)
        {
            return;
        }

        try
        {
            var position = await server.PositionAsync(CancellationToken.None);
            while (await server.ConfirmedAsync(CancellationToken.None) < position)
            {
                await Task.Delay(CoverInterval);
            }

            await servers.OneAtATimeAsync(() =>
            {
                if (primary.IsPrimary)
                {
                    primary.Cluster.Cover();
                }

                return Task.CompletedTask;
            }, CancellationToken.None);
        }
        catch (Exception exception) when (exception is NpgsqlException or ObjectDisposedException)
        {
            // The server has ended, and is looked at again when it starts.
        }
        catch (UserErrorException exception)
        {
            problems.Report(primary, exception.Message);
        }
    }
}
