using Aspire.Hosting.ApplicationModel;
using RevenueAspire.AppHost.LocalPostgres;
using RevenueAspire.CommandLine;

namespace RevenueAspire.AppHost.Tests;

/// <summary>The choice of the primary's directory in each run. A wrong choice would replace the newest data with an old copy.</summary>
public sealed class ClusterRolesTests : IDisposable
{
    private readonly TempDirectory _directory = new();

    private string RolesFile => _directory.File("postgres-roles.json");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Without_data_the_first_server_is_the_primary_and_without_standbys_no_file_is_written()
    {
        var single = Open(0);
        single.BeginPrimary();
        Assert.Equal(["postgres"], single.Servers.Select(server => server.Name));
        Assert.False(File.Exists(RolesFile));

        var three = Open(2);
        Assert.Equal(("postgres", "ANY 1 (postgres_2, postgres_3)"), (three.Primary.Name, three.SynchronousStandbysOf(three.Primary)));
        three.BeginPrimary();
        Assert.True(File.Exists(RolesFile));
        Assert.False(three.IsCovered);
    }

    [Fact]
    public void The_primary_stays_for_any_number_of_standbys_and_a_new_set_of_standbys_must_catch_up()
    {
        var first = Open(2);
        first.BeginPrimary();
        Data("postgres", "postgres-2", "postgres-3");
        first.Decide(first.Servers[2]);
        first.Cover();
        Assert.True(Open(2).IsCovered);

        var others = new[] { (0, "postgres-3"), (1, "postgres, postgres-3"), (3, "postgres, postgres-2, postgres-3, postgres-4") };
        foreach (var (standbys, names) in others)
        {
            var cluster = Open(standbys);
            Assert.Equal(("postgres-3", names), (cluster.Primary.Name, string.Join(", ", cluster.Servers.Select(server => server.Name))));
            Assert.False(cluster.IsCovered);
            cluster.BeginPrimary();
        }

        // The primary acknowledged commits alone, which no standby has confirmed.
        Assert.False(Open(2).IsCovered);
    }

    [Fact]
    public void Data_with_an_unknown_primary_is_refused()
    {
        Data("postgres", "postgres-2");
        Assert.StartsWith(
            $"{_directory.File("postgres-2")} exists, but {RolesFile}, which names the primary, is missing.", Refusal(), StringComparison.Ordinal);

        File.WriteAllText(RolesFile, """{"primary":"postgres-3","standbys":[]}""");
        var missing = $"{_directory.File("postgres-3")} is missing. It belongs to the primary ({RolesFile}), and postgres, postgres-2 may lack";
        Assert.StartsWith(missing, Refusal(), StringComparison.Ordinal);

        foreach (var damaged in new[] { "", "{}", """{"primary":"other","standbys":[]}""", "null", "[1]" })
        {
            File.WriteAllText(RolesFile, damaged);
            Assert.StartsWith(RolesFile + " ", Refusal(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_start_after_another_AppHost_changed_the_roles_or_without_the_primarys_data_is_refused()
    {
        Data("postgres");
        var cluster = Open(1);
        cluster.BeginPrimary();
        Data("postgres-2");
        var other = Open(1);
        other.Decide(other.Servers[1]);
        var changed = Assert.Throws<UserErrorException>(cluster.BeginPrimary).Message;
        Assert.StartsWith("Another AppHost made postgres-2 the primary meanwhile", changed, StringComparison.Ordinal);

        Directory.Delete(_directory.File("postgres-2"), recursive: true);
        Assert.StartsWith(
            $"{_directory.File("postgres-2")} is missing", Assert.Throws<UserErrorException>(other.BeginPrimary).Message, StringComparison.Ordinal);
    }

    private string Refusal()
    {
        var message = Assert.Throws<UserErrorException>(() => Open(2)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private LocalPostgresCluster Open(int standbys) =>
        LocalPostgresCluster.Open(_directory.Path, "postgres", new ParameterResource("password", _ => "test", secret: true), 0, standbys);

    private void Data(params string[] names)
    {
        foreach (var name in names)
        {
            File.WriteAllText(Path.Combine(Directory.CreateDirectory(_directory.File(name)).FullName, "PG_VERSION"), "15\n");
        }
    }
}
