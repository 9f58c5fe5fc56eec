using System.Runtime.CompilerServices;

namespace RevenueAspire.Testing;

/// <summary>Bounded waiting for what happens in another process or thread.</summary>
public static class Eventually
{
    /// <summary>How long a wait without a limit of its own lasts.</summary>
    public static readonly TimeSpan DefaultLimit = TimeSpan.FromSeconds(45);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Asks until the answer is true.</summary>
    /// <exception cref="TimeoutException">It was not within the limit (45 s by default).</exception>
    public static Task IsTrueAsync(Func<Task<bool>> condition, TimeSpan? limit = null, [CallerArgumentExpression(nameof(condition))] string what = "") =>
        GetAsync(async () => await condition() ? "" : null, limit, what);

    /// <summary>Asks until the answer is true.</summary>
    public static Task IsTrueAsync(Func<bool> condition, TimeSpan? limit = null, [CallerArgumentExpression(nameof(condition))] string what = "") =>
        IsTrueAsync(() => Task.FromResult(condition()), limit, what);

    /// <summary>Asks until the answer equals <paramref name="expected"/>; the message of a failure names the last answer.</summary>
    public static async Task EqualsAsync<T>(T expected, Func<Task<T>> actual, TimeSpan? limit = null,
        [CallerArgumentExpression(nameof(actual))] string what = "")
    {
        T last = default!;
        try
        {
            await IsTrueAsync(async () => EqualityComparer<T>.Default.Equals(last = await actual(), expected), limit, what);
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"{exception.Message} Expected {expected}, last was {last}.", exception.InnerException);
        }
    }

    /// <summary>
    /// Asks until the answer is not null, and returns it. An I/O, database or HTTP error (or time-out) counts as no answer yet; the last one is the
    /// inner exception of the failure.
    /// </summary>
    public static async Task<T> GetAsync<T>(Func<Task<T?>> question, TimeSpan? limit = null, [CallerArgumentExpression(nameof(question))] string what = "")
        where T : class
    {
        var bound = limit ?? DefaultLimit;
        Exception? last = null;
        for (var end = Environment.TickCount64 + (long)bound.TotalMilliseconds; Environment.TickCount64 < end; await Task.Delay(Pause))
        {
            try
            {
                if (await question() is { } answer)
                {
                    return answer;
                }
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException or IOException or System.Data.Common.DbException)
            {
                last = exception;
            }
        }

        throw new TimeoutException($"Not within {bound.TotalSeconds:0.#} s: {what}.", last);
    }
}
