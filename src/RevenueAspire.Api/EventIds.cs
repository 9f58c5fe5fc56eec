namespace RevenueAspire.Api;

/// <summary>Ids of the API's log messages, 2000 to 2999. An id never changes its meaning.</summary>
internal static class EventIds
{
    public const int EventsNotRemoved = 2001;
    public const int RequestFailed = 2003;
    public const int ReloadRefused = 2010;
    public const int SettingsFileRefused = 2011;
    public const int IdentityServerAway = 2012;
    public const int IdentityServerBack = 2013;
    public const int SigningKeysChanged = 2014;
    public const int DatabaseUnavailable = 2020;
    public const int DatabaseBack = 2021;
    public const int SchemaReady = 2030;
    public const int DatabaseUnusable = 2031;
    public const int DatabaseWarning = 2032;
    public const int LedgerWrong = 2035;
    public const int LogNotCompared = 2036;
    public const int ProgressNotRead = 2040;
    public const int EventsAccepted = 2050;
    public const int TopUsersFailed = 2051;
    public const int FiguresNotRead = 2052;
    public const int TopUsersTooSlow = 2053;
    public const int ConnectionsRefused = 2070;
    public const int CertificateRenewed = 2071;
    public const int CertificateUnusable = 2072;
}
