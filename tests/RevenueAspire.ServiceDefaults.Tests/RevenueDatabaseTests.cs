using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using RevenueAspire.CommandLine;
using RevenueAspire.Testing;

namespace RevenueAspire.ServiceDefaults.Tests;

public sealed class RevenueDatabaseTests
{
    [Fact]
    public async Task AddRevenueDatabase_connects_under_the_services_name()
    {
        using var host = Host("Reader", await TestPostgres.CreateDatabaseAsync());
        var source = host.Services.GetRequiredService<NpgsqlDataSource>();

        await using var command = source.CreateCommand("select current_setting('application_name')");

        Assert.Equal("Reader", await command.ExecuteScalarAsync());
    }

    [Fact]
    public void AddRevenueDatabase_without_a_connection_string_fails_only_when_it_is_used()
    {
        using var host = Host("Reader", null);

        var error = Assert.ThrowsAny<Exception>(() => host.Services.GetRequiredService<NpgsqlDataSource>());

        Assert.Contains("revenuedb", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Username=postgres;Database=revenuedb")]
    [InlineData("Host=h;Nonsense=1")]
    [InlineData("nonsense")]
    [InlineData("Host=h;Port=many")]
    [InlineData("Host=h;Minimum Pool Size=10;Maximum Pool Size=5")]
    public void AddRevenueDatabase_with_a_connection_string_that_Npgsql_refuses_fails_at_once_and_names_the_setting(string connectionString)
    {
        var line = StartupErrors.Describe(Assert.Throws<UserErrorException>(() => Host("Reader", connectionString)));

        Assert.StartsWith("ConnectionStrings:revenuedb: ", line, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line!);
    }

    [Fact]
    public void WithDefaults_keeps_the_values_of_the_user()
    {
        var given = new NpgsqlConnectionStringBuilder(
            DatabaseExtensions.WithDefaults("Host=h;Maximum Pool Size=7;Application Name=mine;Keepalive=0;GSS Encryption Mode=Require", "Reader"));
        var plain = new NpgsqlConnectionStringBuilder(DatabaseExtensions.WithDefaults("Host=h", "Reader"));

        Assert.Equal((7, "mine", 0, GssEncryptionMode.Require), (given.MaxPoolSize, given.ApplicationName, given.KeepAlive, given.GssEncryptionMode));
        Assert.Equal((24, "Reader", 30, GssEncryptionMode.Disable), (plain.MaxPoolSize, plain.ApplicationName, plain.KeepAlive, plain.GssEncryptionMode));
    }

    private static IHost Host(string name, string? connectionString)
    {
        var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true, ApplicationName = name });
        builder.Configuration["ConnectionStrings:" + DatabaseExtensions.DatabaseName] = connectionString;
        builder.AddRevenueDatabase();
        return builder.Build();
    }
}
