using Npgsql;
using RevenueAspire.AppHost.Model;
using RevenueAspire.CommandLine;
using RevenueAspire.LocalPostgres;

namespace RevenueAspire.AppHost.LocalPostgres;

/// <summary>Promotes a standby without losing an acknowledged commit. Thread-safe.</summary>
internal sealed class LocalPostgresPromotion(LocalPostgresServers servers, LocalPostgresStates states, ResourceProblems problems)
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan CoverInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>Promotes the standby that has received the most data; the others follow it. Refuses if that standby may lack an acknowledged commit.</summary>
    /// <returns>Whether the promotion succeeded, and one line with the result or the reason.</returns>
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
            throw new UserErrorException($"{former.Name} is running. Stop it first.");
        }

        if (!cluster.IsCovered)
        {
            throw new UserErrorException(
                $"No standby has caught up with {former.Name} yet, so each may lack acknowledged events. Start {former.Name}.");
        }

        await EndAsync(former, cancellationToken);
        var chosen = await MostReceivedAsync(cluster, cancellationToken);
        // From here on, the chosen server is the primary, even after a kill: the next start would complete the promotion, and turn the former primary into a
        // standby.
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
                $"{chosen.Name} is the new primary, but its promotion is incomplete ({exception.Message}). Restart all servers, {chosen.Name} first.",
                exception);
        }
        finally
        {
            await states.PublishRolesAsync(cluster, servers.IsRunning(cluster.Primary));
        }

        return followers.Length == 0
            ? $"{chosen.Name} is the primary. Commits wait for a standby. Start {former.Name}."
            : $"{chosen.Name} is the primary, followed by {string.Join(", ", followers.Select(follower => follower.Name))}.";
    }

    /// <summary>Ensures that the former primary has no running process, because one of its sessions could still acknowledge a commit.</summary>
    private async Task EndAsync(LocalPostgresServerResource former, CancellationToken cancellationToken)
    {
        if (!servers.Started.TryGetValue(former, out var server))
        {
            // This AppHost did not start the server, but an earlier one may have left it running.
            await LocalPostgresServer.StopLeftoverAsync(await servers.OptionsAsync(former, null, cancellationToken), cancellationToken);
            return;
        }

        try
        {
            await server.AllExited.WaitAsync(EndLimit, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new LocalPostgresException($"Processes of {former.Name} are still running. Wait until they have ended, and try again.");
        }
    }

    /// <summary>Selects the standby that has received the most data. Each acknowledged commit is on at least one standby, so this one has all of them. To
    /// compare them, all standbys must be running.</summary>
    private async Task<LocalPostgresServerResource> MostReceivedAsync(LocalPostgresCluster cluster, CancellationToken cancellationToken)
    {
        // Skip a server that has not run as a standby: it has confirmed no commit of the former primary.
        var standbys = cluster.Standbys.Where(standby => LocalPostgresServer.IsStandby(standby.DataDirectory)).ToArray();
        if (standbys.FirstOrDefault(standby => !servers.IsRunning(standby)) is { } stopped)
        {
            throw new UserErrorException($"{stopped.Name} is not running, and may have events that the other standbys lack. Start it first.");
        }

        var received = await Task.WhenAll(standbys.Select(standby => servers.Started[standby].ReceivedAsync(cancellationToken)));
        return standbys.Zip(received).MaxBy(entry => entry.Second).First
            ?? throw new UserErrorException($"No standby of {cluster.Primary.Name} has data. Start {cluster.Primary.Name}.");
    }

    /// <summary>Waits until a standby has all of the primary's current data. From then on, the primary acknowledges only commits that a standby has
    /// confirmed.</summary>
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
            // The server has ended. Its next start repeats this check.
        }
        catch (UserErrorException exception)
        {
            problems.Report(primary, exception.Message);
        }
    }
}
