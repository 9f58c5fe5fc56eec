using System.Runtime.CompilerServices;

namespace RevenueAspire.Testing;

/// <summary>Waits, with a time limit, for events in other processes and threads.</summary>
public static class Eventually
{
    /// <summary>The default time limit.</summary>
    public static readonly TimeSpan DefaultLimit = TimeSpan.FromSeconds(45);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Polls until the condition is true.</summary>
    /// <exception cref="TimeoutException">The condition was still false after the limit (45 s by default).</exception>
    public static Task IsTrueAsync(Func<Task<bool>> condition, TimeSpan? limit = null, [CallerArgumentExpression(nameof(condition))] string goal = "") =>
        GetAsync(async () => await condition() ? "" : null, limit, goal);

    /// <summary>Polls until the condition is true.</summary>
    public static Task IsTrueAsync(Func<bool> condition, TimeSpan? limit = null, [CallerArgumentExpression(nameof(condition))] string goal = "") =>
        IsTrueAsync(() => Task.FromResult(condition()), limit, goal);

    /// <summary>Polls until the value equals <paramref name="expected"/>; the message of a failure contains the last value.</summary>
    public static async Task EqualsAsync<T>(T expected, Func<Task<T>> actual, TimeSpan? limit = null,
        [CallerArgumentExpression(nameof(actual))] string goal = "")
    {
        T last = default!;
        try
        {
            await IsTrueAsync(async () => EqualityComparer<T>.Default.Equals(last = await actual(), expected), limit, goal);
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"{exception.Message} Expected {expected}, last was {last}.", exception.InnerException);
        }
    }

    /// <summary>
    /// Polls until the answer is not null, and returns it. An I/O, database or HTTP error (or timeout) counts as no answer; the last one is the inner
    /// exception of a failure.
    /// </summary>
    public static async Task<T> GetAsync<T>(Func<Task<T?>> question, TimeSpan? limit = null, [CallerArgumentExpression(nameof(question))] string goal = "")
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

        throw new TimeoutException($"Not within {bound.TotalSeconds:0.#} s: {goal}.", last);
    }
}
