using System.Text;
using RevenueAspire.Client.Input;
using RevenueAspire.Client.Sending;

namespace RevenueAspire.Client.Tests;

/// <summary>The cuts of a file into requests. A resumed run must make the same cuts, so this test compares them with the simplest implementation.</summary>
public sealed class CutTests : IDisposable
{
    private readonly SendHarness _client = new();

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Cuts_are_the_same_as_those_of_a_line_by_line_reader()
    {
        for (var round = 0; round < 16; round++)
        {
            var seed = Random.Shared.Next();
            var random = new Random(seed);
            var batch = random.Next(5) switch { 0 => 0, 1 => 1, 2 => 7, 3 => 1000, _ => SendLimits.BatchLines };
            var bytes = Content(random);
            var path = _client.Path("a.jsonl");
            await File.WriteAllBytesAsync(path, bytes, TestContext.Current.CancellationToken);

            var expected = Expected(bytes, batch);
            using var input = InputFile.Open(path);
            using var lines = new LineReader(input, 0, 0);
            var reader = new RequestReader(lines, batch);
            for (var i = 0; await reader.ReadAsync(TestContext.Current.CancellationToken) is { } request; i++)
            {
                Assert.True(i < expected.Count, $"seed {seed}, batch {batch}: more than {expected.Count} requests");
                var numbers = string.Join(
                    ' ', request.IsAnswered ? request.Rejected!.Select(line => line.Line) : Enumerable.Range(0, request.Lines).Select(request.LineNumber));
                Assert.True(
                    expected[i].Offset == request.Offset && expected[i].End == request.End,
                    $"seed {seed}, batch {batch}, request {i}: {request.Offset} to {request.End} instead of {expected[i].Offset} to {expected[i].End}");
                Assert.True(expected[i].Numbers == numbers, $"seed {seed}, batch {batch}, request {i}: lines {numbers} instead of {expected[i].Numbers}");
                Assert.True(expected[i].Body.AsSpan().SequenceEqual(request.Body.Span), $"seed {seed}, batch {batch}, request {i}: another body");
                expected[i] = expected[i] with { Seen = true };
                request.Release();
            }

            Assert.True(expected.TrueForAll(request => request.Seen), $"seed {seed}, batch {batch}: requests are missing");
        }
    }

    private static byte[] Content(Random random)
    {
        var content = new MemoryStream();
        if (random.Next(3) == 0)
        {
            content.Write("\uFEFF"u8);
        }

        var odd = random.Next(2) == 0 ? 4 : 200;
        for (var i = random.Next(3000); i > 0; i--)
        {
            content.Write(Encoding.UTF8.GetBytes(random.Next(odd) switch
            {
                0 => "",
                1 => " \t",
                2 => "  {\"indented\":1}",
                3 => "{" + new string('x', SendLimits.LineBytes + random.Next(-3, 4)),
                4 => new string('y', random.Next(300_000)),
                _ => $"{{\"userId\":\"user{random.Next()}\"}}",
            }));
            content.Write(random.Next(4) == 0 ? "\r\n"u8 : "\n"u8);
        }

        if (random.Next(2) == 0)
        {
            content.Write("{\"last\":\"without a newline\"}"u8);
        }

        return content.ToArray();
    }

    private static List<Request> Expected(byte[] file, int batch)
    {
        var requests = new List<Request>();
        var body = new MemoryStream();
        var numbers = new List<long>();
        long first = 0, end = 0, number = 0;
        for (var start = 0; start < file.Length;)
        {
            var newline = Array.IndexOf(file, (byte)'\n', start);
            var next = newline < 0 ? file.Length : newline + 1;
            var line = file.AsSpan(start, (newline < 0 ? file.Length : newline) - start);
            number++;
            if (Encoding.UTF8.GetString(start == 0 && line.StartsWith("\uFEFF"u8) ? line[3..] : line).Trim(' ', '\t', '\r').Length > 0)
            {
                var isTooLong = line.Length - (line[^1] == '\r' ? 1 : 0) > SendLimits.LineBytes;
                if (isTooLong || numbers.Count == Math.Max(batch, 1) || body.Length + line.Length >= SendLimits.BatchBytes)
                {
                    Close();
                }

                if (isTooLong)
                {
                    requests.Add(new Request(start, next, $"{number}", []));
                }
                else
                {
                    first = numbers.Count == 0 ? start : first;
                    end = next;
                    numbers.Add(number);
                    body.Write(line);
                    body.WriteByte((byte)'\n');
                }
            }

            start = next;
        }

        Close();
        return requests;

        void Close()
        {
            if (numbers.Count > 0)
            {
                requests.Add(new Request(first, end, string.Join(' ', numbers), body.ToArray()));
                numbers.Clear();
                body.SetLength(0);
            }
        }
    }

    private sealed record Request(long Offset, long End, string Numbers, byte[] Body, bool Seen = false);
}
