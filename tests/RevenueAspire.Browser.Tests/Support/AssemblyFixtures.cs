using RevenueAspire.Browser.Tests;

[assembly: AssemblyFixture(typeof(Chromium))]
