using System.Globalization;

namespace RevenueAspire.AppHost.Commands;

/// <summary>A file of made-up events in a folder of its own, gone when it is disposed.</summary>
internal sealed class LoadFile : IDisposable
{
    /// <summary>Users that nobody else has: load never changes the balance of a user of the sample.</summary>
    private const int Users = 1000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("revenue-load-");

    /// <summary>The folder, for what belongs to sending the file and should go with it.</summary>
    public string Folder => _folder.FullName;

    public string Path => System.IO.Path.Combine(_folder.FullName, "load.jsonl");

    /// <summary>Writes so many events: every fourth is subtracted, the values are 1 to 100.</summary>
    public async Task WriteAsync(int count, CancellationToken cancellationToken)
    {
        await using var file = new StreamWriter(Path);
        for (var i = 0; i < count; i++)
        {
            var name = i % 4 == 3 ? "subtract_revenue" : "add_revenue";
            await file.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $$"""{"userId":"load-{{i % Users}}","name":"{{name}}","value":{{1 + (i % 100)}}}""").AsMemory(), cancellationToken);
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
