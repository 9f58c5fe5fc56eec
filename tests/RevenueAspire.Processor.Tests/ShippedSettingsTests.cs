using System.Collections;
using Microsoft.Extensions.Configuration;
using RevenueAspire.ServiceDefaults;

namespace RevenueAspire.Processor.Tests;

public sealed class ShippedSettingsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("revenueaspire-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void The_shipped_file_sets_none_of_the_sections_that_a_command_skips()
    {
        using var file = ShippedSettings.Open();
        var settings = new ConfigurationBuilder().AddJsonStream(file).Build();
        Assert.NotEmpty(settings.GetChildren());
        Assert.False(settings.GetSection(ProcessorOptions.Section).Exists());
        Assert.False(settings.GetSection(EventTypesSection.Section).Exists());
    }

    [Theory]
    [InlineData("PATH", true)]
    [InlineData("ConnectionStrings__revenuedb", true)]
    [InlineData("Processor__Workers", false)]
    [InlineData("processor:workers", false)]
    [InlineData("EVENTTYPES__refund", false)]
    public void A_variable_of_a_section_is_a_setting(string name, bool areShipped) => Assert.Equal(areShipped, AreInForce(new Hashtable { [name] = "1" }));

    [Fact]
    public void A_changed_or_added_file_contains_settings()
    {
        Assert.True(AreInForce([]));
        Write("appsettings.json", Shipped());
        Assert.True(AreInForce([]));
        Write("appsettings.json", Shipped() + " ");
        Assert.False(AreInForce([]));
        Write("appsettings.json", Shipped());
        Write("appsettings.Production.json", "{}");
        Assert.False(AreInForce([]));
    }

    private static string Shipped()
    {
        using var reader = new StreamReader(ShippedSettings.Open());
        return reader.ReadToEnd();
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_folder.FullName, name), text);

    private bool AreInForce(Hashtable variables) => ShippedSettings.AreInForce(_folder.FullName, "appsettings.Production.json", variables);
}
