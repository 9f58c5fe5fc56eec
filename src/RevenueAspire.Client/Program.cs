Console.WriteLine("RevenueAspire.Client");
