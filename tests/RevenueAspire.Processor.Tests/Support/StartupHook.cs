/// <summary>
/// DOTNET_STARTUP_HOOKS loads this into a tested program: a thread fails shortly after the start, as a bug might cause. It has no namespace, because the
/// runtime requires this name.
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        var thread = new Thread(() =>
        {
            Thread.Sleep(TimeSpan.FromSeconds(1));
            throw new InvalidOperationException("a bug of the test");
        });
        thread.Start();
    }
}
