using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace RevenueAspire.Client.CommandLine;

/// <summary>The library's help with examples and exit codes below it.</summary>
internal sealed class HelpWithExamples(HelpAction inner, IReadOnlyDictionary<Command, string> texts) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        inner.Invoke(parseResult);
        if (texts.TryGetValue(parseResult.CommandResult.Command, out var text))
        {
            parseResult.InvocationConfiguration.Output.WriteLine(text);
        }

        return ExitCodes.Done;
    }
}
