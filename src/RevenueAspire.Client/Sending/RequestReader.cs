using RevenueAspire.Client.Input;

namespace RevenueAspire.Client.Sending;

/// <summary>Cuts a file into requests. The cuts depend only on the file, the start and the batch size, so a resumed run makes the same cuts. For one
/// thread.</summary>
/// <param name="lines">Reads the lines; must be at the beginning of a request.</param>
/// <param name="batch">Maximum lines per request; 0 sends single events.</param>
/// <param name="carryThrough">An earlier process may have sent the requests that begin before this byte offset.</param>
/// <param name="carryAsOf">The log position that the earlier process knew when it sent them.</param>
internal sealed class RequestReader(LineReader lines, int batch, long carryThrough = 0, long carryAsOf = 0)
{
    private FileLine? _ahead;

    /// <summary>Returns the next request, or null at the end of the file.</summary>
    /// <exception cref="SendException">The file was shortened.</exception>
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
                // The reader still has the line's bytes, because it reads on only after this line is taken.
                _ahead = line;
                break;
            }

            Add(request, line);
        }

        return request;
    }

    /// <summary>Adds many lines at once, without a check of each. The cuts are the same as if each line were added separately.</summary>
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
