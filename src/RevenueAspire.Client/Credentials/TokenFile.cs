using RevenueAspire.Client.Http;
using RevenueAspire.CommandLine;

namespace RevenueAspire.Client.Credentials;

/// <summary>A token in a file that another program renews. The file is read at most once per second while requests are sent, and again after a 401.</summary>
/// <remarks>If the file becomes unusable, the previous token stays in use until the API refuses it: a program may be in the middle of writing the
/// file.</remarks>
internal sealed class TokenFile(string path, TimeProvider time) : Credential
{
    /// <summary>The API's limit for all headers of a request.</summary>
    private const int MaxBytes = 32 << 10;

    private static readonly TimeSpan ReadInterval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private Content? _content;

    public override string Name => $"token of {path}";

    public override bool IsToken => true;

    /// <summary>Returns the problem of a file, or null. Never repeats the file's content.</summary>
    public static string? FindProblem(string path) => Read(path).Problem;

    public override ValueTask<string> GetAsync(CancellationToken cancellationToken)
    {
        var content = Volatile.Read(ref _content);
        return new((content is null || time.GetElapsedTime(content.ReadAt) >= ReadInterval ? ReadAgain(isRequired: false) : content).Header);
    }

    public override ValueTask<string?> RenewAsync(string refused, CancellationToken cancellationToken)
    {
        var header = ReadAgain(isRequired: true).Header;
        return new(header == refused ? null : header);
    }

    private Content ReadAgain(bool isRequired)
    {
        lock (_gate)
        {
            var (token, problem) = Read(path);
            var header = token is not null ? Bearer(token)
                : _content is { } former && !isRequired ? former.Header
                : throw new CredentialException(new AttemptResult(AttemptOutcome.Impossible) { Detail = problem! });
            var content = new Content(header, time.GetTimestamp());
            Volatile.Write(ref _content, content);
            return content;
        }
    }

    private static (string? Token, string? Problem) Read(string path)
    {
        if (path.Length == 0)
        {
            return (null, "the path of the token file is empty");
        }

        string text;
        try
        {
            using var file = new StreamReader(path);
            var buffer = new char[MaxBytes + 1];
            text = new string(buffer, 0, file.ReadBlock(buffer));
        }
        catch (Exception exception) when (FileErrors.IsOfTheSystem(exception))
        {
            return (null, $"the token file cannot be read: {exception.Message.TrimEnd('.')}");
        }

        var token = text.EndsWith('\n') ? text[..^1].TrimEnd('\r') : text;
        var problem = token.Length == 0 ? "is empty"
            : token.Length > MaxBytes ? $"has more than {MaxBytes} characters"
            : token.AsSpan().ContainsAny('\r', '\n') ? "has more than one line"
            : IsToken68(token) ? null
            : "contains no token, which is one line of letters, digits and -._~+/= without spaces and without 'Bearer'";
        return problem is null ? (token, null) : (null, $"the token file {path} {problem}");
    }

    /// <summary>The characters of a bearer token (RFC 6750, section 2.1).</summary>
    public static bool IsToken68(string text) => text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || "-._~+/=".Contains(c));

    private sealed record Content(string Header, long ReadAt);
}
