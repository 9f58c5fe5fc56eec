using System.Globalization;
using Microsoft.Extensions.Configuration;
using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.Model;

/// <summary>The AppHost's own settings: on the command line (<c>--Ports:Api=8001</c>), in the environment (<c>Ports__Api</c>), or in user secrets.</summary>
internal static class AppHostSettings
{
    /// <summary>Adds a parameter with the value of <c>Parameters:name</c>. It has a default value on this machine, but not when published.</summary>
    public static IResourceBuilder<ParameterResource> AddSecret(this IDistributedApplicationBuilder builder, string name, string inRunMode)
    {
        if (builder.ExecutionContext.IsRunMode && string.IsNullOrEmpty(builder.Configuration["Parameters:" + name]))
        {
            builder.Configuration.AddInMemoryCollection([new("Parameters:" + name, inRunMode)]);
        }

        return builder.AddParameter(name, secret: true);
    }

    /// <exception cref="UserErrorException">Not a number, or outside the limits.</exception>
    public static int Number(this IDistributedApplicationBuilder builder, string setting, int otherwise, int least, int most)
    {
        var text = builder.Configuration[setting];
        if (string.IsNullOrWhiteSpace(text))
        {
            return otherwise;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new UserErrorException($"{setting} is '{text}': it must be a whole number from {least} to {most}.");
    }
}
