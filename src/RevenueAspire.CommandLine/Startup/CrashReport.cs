using System.Globalization;
using System.Text;

namespace RevenueAspire.CommandLine;

/// <summary>Reports a bug, an exception that no part of the program expects. Writes its stack trace to a file, and returns one line that names this
/// file.</summary>
public static class CrashReport
{
    private const int LongestMessage = 300;

    /// <summary>Writes a report to the temporary directory. Only this user can read it.</summary>
    /// <returns>One line that names the bug and the report. If no report can be written, the stack trace follows on separate lines.</returns>
    public static string Write(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        var program = AppDomain.CurrentDomain.FriendlyName;
        var message = Printable.Escape(StartupErrors.OneLine(exception.Message));
        message = message.Length > LongestMessage ? message[..LongestMessage] + "..." : message;
        var line = $"A bug in {program}: {exception.GetType().Name}: {message.TrimEnd('.')}.";
        var path = Path.Combine(
            Path.GetTempPath(),
            string.Create(CultureInfo.InvariantCulture, $"{program}-{DateTime.UtcNow:yyyyMMdd'T'HHmmss'Z'}-{Environment.ProcessId}-{Guid.NewGuid():N}.txt"));
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using var report = new StreamWriter(path, Encoding.UTF8, options);
            report.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{program} {typeof(CrashReport).Assembly.GetName().Version} {DateTime.UtcNow:O} {Environment.Version} {Environment.OSVersion}"));
            report.WriteLine(exception.ToString());
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return $"{line} No report can be written to {path}: {failure.Message}{Environment.NewLine}{exception}";
        }

        return $"{line} Completed work is kept. The report is in {path}";
    }

    /// <summary>Ends the process with exit code 1 after an unhandled exception on a thread. Otherwise the runtime would abort the process (exit code
    /// 134).</summary>
    internal static void WatchThreads() => AppDomain.CurrentDomain.UnhandledException += (_, unhandled) =>
    {
        Console.Error.WriteLine(unhandled.ExceptionObject is Exception exception ? Write(exception) : unhandled.ExceptionObject.ToString());
        Environment.Exit(ExitCodes.NotDone);
    };
}
