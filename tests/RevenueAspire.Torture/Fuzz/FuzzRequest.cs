using System.Globalization;
using System.IO.Compression;
using RevenueAspire.Testing;

namespace RevenueAspire.Torture.Fuzz;

/// <summary>A request body for one of the two endpoints, and its expected reading.</summary>
/// <param name="IsBatch">Whether the request goes to <c>/liveEvents</c>.</param>
/// <param name="Body">The bytes that are sent.</param>
/// <param name="IsGzip">Whether the body is compressed.</param>
/// <param name="IsDamaged">Whether the gzip data is damaged; the API may then refuse the whole request.</param>
/// <param name="Events">The valid events, in order.</param>
/// <param name="RejectedLines">Numbers of the bad lines, from 1.</param>
internal sealed record FuzzRequest(bool IsBatch, byte[] Body, bool IsGzip, bool IsDamaged, IReadOnlyList<RevenueEvent> Events,
    IReadOnlyList<long> RejectedLines)
{
    private const int MaxLines = 30;

    public static FuzzRequest Next(Random random, Mutator mutator)
    {
        if (random.Next(2) == 0)
        {
            // White space around an event does not count against its size. Other tests cover larger bodies.
            var body = mutator.Next();
            return new FuzzRequest(false, body, false, false, body.Length <= LineReading.MaxBytes && LineReading.Of(body).Event is { } one ? [one] : [], []);
        }

        var lines = new List<byte>();
        for (var n = random.Next(1, MaxLines); n > 0; n--)
        {
            lines.AddRange(mutator.Next());
            if (n > 1 || random.Next(2) == 0)
            {
                lines.Add((byte)'\n');
            }
        }

        for (var n = random.Next(3); n > 0; n--)
        {
            mutator.Mutate(lines);
        }

        byte[] plain = [.. lines];
        var (events, rejected) = Read(plain);
        if (random.Next(3) > 0)
        {
            return new FuzzRequest(true, plain, false, false, events, rejected);
        }

        var (packed, members) = Compress(plain, random);
        var isDamaged = random.Next(2) == 0;
        var sent = packed.ToList();
        if (isDamaged)
        {
            mutator.Mutate(sent);
            foreach (var (from, to) in members.SelectMany(_ => members, (from, to) => (from, to))
                .Where(cut => cut.to.Packed - cut.from.Packed is > 0 and var length && length == packed.Length - sent.Count))
            {
                // The damage has removed whole gzip members, so the rest is still a valid body.
                if (sent.Count > 0 && sent.SequenceEqual([.. packed[..from.Packed], .. packed[to.Packed..]]))
                {
                    (events, rejected) = Read([.. plain[..from.Plain], .. plain[to.Plain..]]);
                    isDamaged = false;
                }
            }
        }

        return new FuzzRequest(true, [.. sent], true, isDamaged, events, rejected);
    }

    private static (List<RevenueEvent> Events, List<long> Rejected) Read(byte[] body)
    {
        var (events, rejected, number) = (new List<RevenueEvent>(), new List<long>(), 0L);
        foreach (var range in Split(body))
        {
            number++;
            var line = body.AsSpan(range);
            var reading = LineReading.Of(line);
            if (reading.Event is { } one && line.Length <= LineReading.MaxBytes)
            {
                events.Add(one);
            }
            else if (!reading.IsBlank)
            {
                rejected.Add(number);
            }
        }

        return (events, rejected);
    }

    private static IEnumerable<Range> Split(byte[] body)
    {
        for (var start = 0; start < body.Length;)
        {
            var newline = Array.IndexOf(body, (byte)'\n', start);
            var end = newline < 0 ? body.Length : newline;
            yield return start..end;
            start = end + 1;
        }
    }

    /// <summary>Compresses a body into one or several gzip members. Also returns the start and end of each.</summary>
    private static (byte[] Packed, List<(int Packed, int Plain)> Members) Compress(byte[] body, Random random)
    {
        var members = new List<(int Packed, int Plain)> { (0, 0) };
        // For zero bytes, the framework writes no gzip member at all. An empty body is a test case, too.
        var packed = new MemoryStream();
        var start = 0;
        do
        {
            var end = random.Next(3) == 0 ? random.Next(start, body.Length + 1) : body.Length;
            using (var gzip = new GZipStream(packed, (CompressionLevel)random.Next(4), leaveOpen: true))
            {
                gzip.Write(body.AsSpan(start..end));
            }

            start = end;
            members.Add(((int)packed.Length, start));
        }
        while (start < body.Length);

        return (packed.ToArray(), members);
    }

    /// <summary>Text for messages.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{(IsBatch ? "/liveEvents" : "/liveEvent")}{(IsGzip ? IsDamaged ? " (damaged gzip)" : " (gzip)" : "")} {Convert.ToBase64String(Body)}");
}
