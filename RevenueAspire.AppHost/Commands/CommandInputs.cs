using System.Globalization;

namespace RevenueAspire.AppHost.Commands;

/// <summary>What commands ask for, and how an answer that does not fit is refused before anything runs.</summary>
internal static class CommandInputs
{
    /// <summary>A command that needs its service.</summary>
    public static ResourceCommandState WhileRunning(UpdateCommandStateContext context) =>
        context.ResourceSnapshot.State?.Text is { } state && (state == KnownResourceStates.Running || state == KnownResourceStates.RuntimeUnhealthy)
            ? ResourceCommandState.Enabled
            : ResourceCommandState.Disabled;

    /// <summary>The number of an input; null, with a message beside the input, when it is no whole number within the limits.</summary>
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

    /// <summary>A number that was found to fit.</summary>
    public static int Number(this ExecuteCommandContext context, string name) =>
        TryNumber(context.Arguments[name].Value, out var number) ? number : throw new InvalidOperationException($"{name} is no number.");

    private static bool TryNumber(string? text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
