using System.Diagnostics;
using OpenTelemetry.Trace;

namespace RevenueAspire.ServiceDefaults.Telemetry;

/// <summary>Samples a new trace that is linked to a sampled span, and leaves every other one to another sampler: the way of a sampled request does not end where many are handled at once.</summary>
internal sealed class LinkedSampler(Sampler other) : Sampler
{
    public override SamplingResult ShouldSample(in SamplingParameters samplingParameters) =>
        samplingParameters.Links?.Any(link => (link.Context.TraceFlags & ActivityTraceFlags.Recorded) != 0) == true
            ? new SamplingResult(SamplingDecision.RecordAndSample)
            : other.ShouldSample(samplingParameters);
}
