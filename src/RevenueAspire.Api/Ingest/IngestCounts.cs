namespace RevenueAspire.Api.Ingest;

/// <summary>Events by outcome since the start, and the requests that brought the accepted ones.</summary>
internal readonly record struct IngestCounts(long Accepted, long AcceptedRequests, long Repeated, long Rejected, long Refused);
