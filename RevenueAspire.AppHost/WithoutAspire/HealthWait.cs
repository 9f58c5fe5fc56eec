using RevenueAspire.AppHost.Processes;

namespace RevenueAspire.AppHost;

/// <summary>Waits until a service answers <c>/health</c> with success, or has ended.</summary>
internal static class HealthWait
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <exception cref="StarterException">It ended, or is not healthy within a minute; says what it answered last.</exception>
    public static async Task UntilHealthyAsync(ServiceProcess service, string url, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
        var last = "it does not answer";
        for (var deadline = DateTime.UtcNow + Limit; DateTime.UtcNow < deadline;)
        {
            if (service.Ended.IsCompleted)
            {
                throw new StarterException($"{service.Name} ended with exit code {await service.Ended} before it was healthy; its last lines above say why. Everything is stopped.");
            }

            try
            {
                using var response = await http.GetAsync(url + "/health", cancellationToken);
                if (response.IsSuccessStatusCode)
                {
                    return;
                }

                last = $"it answers {(int)response.StatusCode} {await response.Content.ReadAsStringAsync(cancellationToken)}";
            }
            catch (Exception exception) when (exception is HttpRequestException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                last = "it does not answer";
            }

            await Task.Delay(Interval, cancellationToken);
        }

        throw new StarterException($"{service.Name} is not healthy after {Limit.TotalSeconds:0} s: {last}. Everything is stopped.");
    }
}
