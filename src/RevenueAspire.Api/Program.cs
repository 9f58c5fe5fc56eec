Console.WriteLine("RevenueAspire.Api");
