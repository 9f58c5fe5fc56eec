using RevenueAspire.Client.Input;

namespace RevenueAspire.Client.Sending;

/// <summary>Cuts a file into requests. The cuts depend on the file, the start and the batch size alone, so a resumed run makes the same ones. For one
/// thread.</summary>
/// <param name="lines">Placed at the beginning of a request.</param>
/// <param name="batch">Lines a request at most; 0 sends single events.</param>
/// <param name="carryThrough">Requests that begin before this byte offset may have been sent by an earlier process.</param>
/// <param name="carryAsOf">What that process knew of the log then.</param>
internal sealed class RequestReader(LineReader lines, int batch, long carryThrough = 0, long carryAsOf = 0)
{
    private FileLine? _ahead;

    /// <summary>The next request, or null at the end of the file.</summary>
    /// <exception cref="SendException">The file has become shorter.</exception>
    public async ValueTask<OutboundRequest?> ReadAsync(CancellationToken cancellationToken)
    {
        if (await NextAsync(cancellationToken) is not { } first)
        {
            return null;
        }

        var request = new OutboundRequest { Offset = first.Offset, CarriedAsOf = first.Offset < carryThrough ? carryAsOf : null };
        if (IsTooLong(first))
        {
            request.End = first.End;
            request.LastLine = first.Number;
            request.IsAnswered = true;
            request.Rejected = [new RejectedLine(first.Number, $"the line is longer than {SendLimits.LineBytes} bytes", null, first.Offset, first.Length)];
            return request;
        }

        Add(request, first);
        while (request.Lines < batch)
        {
            AddPlain(request);
            if (request.Lines == batch)
            {
                break;
            }

            if (await NextAsync(cancellationToken) is not { } line)
            {
                break;
            }

            if (IsTooLong(line) || request.Length + line.Length >= SendLimits.BatchBytes)
            {
                // The reader still holds the line's bytes: nothing is read before it is taken.
                _ahead = line;
                break;
            }

            Add(request, line);
        }

        return request;
    }

    /// <summary>Adds what needs no look at the single line, and comes to the same cuts as line by line.</summary>
    private void AddPlain(OutboundRequest request)
    {
        var plain = lines.TakePlain(batch - request.Lines, SendLimits.BatchBytes - request.Length, out var count, out var firstNumber, out var end);
        if (count > 0)
        {
            request.AddAll(plain, count, firstNumber);
            request.End = end;
        }
    }

    private bool IsTooLong(FileLine line) => lines.Current.Length < line.Length;

    private void Add(OutboundRequest request, FileLine line)
    {
        request.Add(lines.Current.Span, line.Number);
        request.End = line.End;
    }

    private ValueTask<FileLine?> NextAsync(CancellationToken cancellationToken)
    {
        if (_ahead is { } line)
        {
            _ahead = null;
            return ValueTask.FromResult<FileLine?>(line);
        }

        return lines.ReadAsync(cancellationToken);
    }
}
