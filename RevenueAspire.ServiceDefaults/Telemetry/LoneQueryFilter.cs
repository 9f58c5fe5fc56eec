using System.Diagnostics;
using OpenTelemetry;

namespace RevenueAspire.ServiceDefaults.Telemetry;

/// <summary>Keeps queries that belong to no request and no merge out of the traces: services that look for work and renew leases would bury everything else under them.</summary>
/// <remarks>Their number and duration stay in Npgsql's metrics.</remarks>
internal sealed class LoneQueryFilter : BaseProcessor<Activity>
{
    private const string Npgsql = "Npgsql";

    public override void OnEnd(Activity data)
    {
        if (data.Source.Name == Npgsql && data.ParentSpanId == default)
        {
            data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
        }
    }
}
