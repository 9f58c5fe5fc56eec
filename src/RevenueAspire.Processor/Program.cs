Console.WriteLine("RevenueAspire.Processor");
