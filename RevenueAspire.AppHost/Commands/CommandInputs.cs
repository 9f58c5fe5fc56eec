using System.Globalization;

namespace RevenueAspire.AppHost.Commands;

/// <summary>The inputs of commands. An invalid input is refused before the command runs.</summary>
internal static class CommandInputs
{
    /// <summary>Enables a command only while its service runs.</summary>
    public static ResourceCommandState WhileRunning(UpdateCommandStateContext context) =>
        context.ResourceSnapshot.State?.Text is { } state && (state == KnownResourceStates.Running || state == KnownResourceStates.RuntimeUnhealthy)
            ? ResourceCommandState.Enabled
            : ResourceCommandState.Disabled;

    /// <summary>The number in an input. Null, with a message next to the input, if it is not a whole number within the limits.</summary>
    public static int? RequireNumber(this InputsDialogValidationContext context, string name, int least, int most)
    {
        var input = context.Inputs[name];
        if (TryNumber(input.Value, out var number) && number >= least && number <= most)
        {
            return number;
        }

        context.AddValidationError(input, string.Create(CultureInfo.InvariantCulture, $"{input.Label} must be a whole number from {least} to {most}."));
        return null;
    }

    /// <summary>A number that has been validated.</summary>
    public static int Number(this ExecuteCommandContext context, string name) =>
        TryNumber(context.Arguments[name].Value, out var number) ? number : throw new InvalidOperationException($"{name} is not a number.");

    private static bool TryNumber(string? text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
