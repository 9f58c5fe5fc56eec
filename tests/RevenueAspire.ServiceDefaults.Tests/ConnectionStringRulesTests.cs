using Npgsql;
using RevenueAspire.CommandLine;

namespace RevenueAspire.ServiceDefaults.Tests;

/// <summary>An invalid connection string is refused before its first use. The error names the keyword, and the password appears in no output.</summary>
public sealed class ConnectionStringRulesTests
{
    private const string Password = "s3cret-p4ss";

    [Theory]
    [InlineData("postgresql://user:s3cret-p4ss@host/db", "is a URL")]
    [InlineData("postgres://user:s3cret-p4ss@host:5432/db?sslmode=require", "is a URL")]
    [InlineData("Host=h;Password=s3cret-p4ss;Port", "not a list of Keyword=value")]
    [InlineData("Host=h;Password=a;s3cret-p4ss=b", "number 3 of 3")]
    [InlineData("Host=h;Password=s3cret-p4ss;Port=s3cret-p4ss", "Port has a value")]
    [InlineData("Host=h;Password=s3cret-p4ss;SSL Mode=s3cret-p4ss", "SSL Mode has a value")]
    [InlineData("Host=h;Password=s3cret-p4ss;Timeout=-5", "Timeout has a value")]
    [InlineData("Username=u;Password=s3cret-p4ss", "Host is missing")]
    [InlineData("Host=h;Multiplexing=true;Password=s3cret-p4ss", "Multiplexing must be off")]
    [InlineData("Host=h;Read Buffer Size=512;Password=s3cret-p4ss", "Read Buffer Size must be at least 4096")]
    [InlineData("Host=h;Write Buffer Size=512;Password=s3cret-p4ss", "Write Buffer Size must be at least 4096")]
    [InlineData("Host=h;Client Encoding=LATIN1;Password=s3cret-p4ss", "Client Encoding must be UTF8")]
    [InlineData("Host=h;Encoding=iso-8859-1;Password=s3cret-p4ss", "Encoding must be UTF8")]
    [InlineData("Host=h;Minimum Pool Size=10;Maximum Pool Size=5;Password=s3cret-p4ss", "Minimum Pool Size must not exceed")]
    [InlineData("Host=h;Maximum Pool Size=1;Password=s3cret-p4ss", "Maximum Pool Size must be at least 2")]
    [InlineData("Host=h;Target Session Attributes=primary;Password=s3cret-p4ss", "Target Session Attributes needs several hosts")]
    [InlineData("Host=h;Root Certificate=/no/such/file;Password=s3cret-p4ss", "Root Certificate names a file that does not exist")]
    [InlineData("Host=h;SSL Mode=Prefer;SSL Negotiation=Direct;Password=s3cret-p4ss", "does not accept this combination of keywords")]
    public void An_invalid_connection_string_is_reported_in_one_line_without_the_password(string connectionString, string named)
    {
        var error = Assert.Throws<UserErrorException>(() => DatabaseExtensions.WithDefaults(connectionString, "Reader", hasLog: true));

        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("ConnectionStrings:revenuedb", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.DoesNotContain(Password, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_password_may_contain_a_URL()
    {
        var given = new NpgsqlConnectionStringBuilder(DatabaseExtensions.WithDefaults("Host=h;Username=u;Password=http://x", "Reader"));
        Assert.Equal("http://x", given.Password);
    }

    [Fact]
    public void The_encoding_is_UTF8_and_Npgsql_prepares_no_statement_automatically()
    {
        var given = new NpgsqlConnectionStringBuilder(DatabaseExtensions.WithDefaults("Host=h;Max Auto Prepare=20", "Reader"));
        Assert.Equal(("UTF8", 0), (given.ClientEncoding, given.MaxAutoPrepare));
    }

    [Fact]
    public void With_several_hosts_the_primary_is_searched_every_second_unless_configured_otherwise()
    {
        var plain = new NpgsqlConnectionStringBuilder(DatabaseExtensions.WithDefaults("Host=a,b", "Reader"));
        var given = new NpgsqlConnectionStringBuilder(
            DatabaseExtensions.WithDefaults("Host=a,b;Target Session Attributes=any;Host Recheck Seconds=7", "Reader"));
        var single = new NpgsqlConnectionStringBuilder(DatabaseExtensions.WithDefaults("Host=a", "Reader"));

        Assert.Equal(("primary", 1), (plain.TargetSessionAttributes, plain.HostRecheckSeconds));
        Assert.Equal(("any", 7), (given.TargetSessionAttributes, given.HostRecheckSeconds));
        Assert.Null(single.TargetSessionAttributes);
    }
}
