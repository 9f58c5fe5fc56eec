using System.Text;
using RevenueAspire.Events;
using RevenueAspire.Ledger;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Aggregation;

/// <summary>More users than fit in memory.</summary>
public sealed class SpilledUsersTests
{
    private static readonly Comparer<byte[]> Bytewise = Comparer<byte[]>.Create((left, right) => left.AsSpan().SequenceCompareTo(right));

    [Fact]
    public void M5_runs_on_disk_return_each_user_once_in_byte_order_with_exact_sums()
    {
        var random = Seed.Random(nameof(M5_runs_on_disk_return_each_user_once_in_byte_order_with_exact_sums));
        foreach (var (users, adds, limit) in new[] { (1, 5, 1), (20, 300, 3), (3000, 20_000, 500), (50_000, 120_000, 20_000) })
        {
            using var aggregator = new RangeAggregator(EventTypes.Default, new ProcessorOptions { MaxUsersInMemory = limit }, 1);
            var expected = new SortedDictionary<byte[], Int128>(Bytewise);
            for (var i = 0; i < adds; i++)
            {
                // Common prefixes, keys that are prefixes of others, bytes above 0x7f, the longest keys; sums of every width, and zero.
                var number = random.Next(users);
                var key = Encoding.UTF8.GetBytes("customer" + new string('0', number % 7) + number + (number % 3 == 0 ? "é😀" : ""));
                key = number % 11 == 0 ? [.. key, .. new byte[256 - key.Length].Select(_ => (byte)'x')] : key;
                var delta = (Int128)random.NextInt64(-1000, 1000) << (number % 60);
                delta = number % 13 == 0 ? delta << 60 : number % 17 == 0 ? 0 : delta;
                aggregator.Add(key, delta);
                expected[key] = expected.GetValueOrDefault(key) + delta;
            }

            var spilled = Assert.IsType<SpilledUsers>(aggregator.Sort());
            Assert.True(spilled.Count >= expected.Count && !spilled.IsCounted);
            Assert.Equal(expected.Count, spilled.CountUsers(2));
            Assert.Equal(expected.Count, aggregator.CountUsers());
            var all = expected.ToArray();
            AssertRead(all, spilled.ReadAfter([]));
            for (var look = 0; look < 50; look++)
            {
                // Read after an existing user, and after a missing key.
                var index = random.Next(all.Length);
                Assert.True(spilled.Contains(all[index].Key), Seed.Hint);
                AssertRead(all.AsSpan(index + 1), spilled.ReadAfter(all[index].Key));
                byte[] absent = [.. all[index].Key[..Math.Min(all[index].Key.Length, 255)], 1];
                Assert.False(spilled.Contains(absent), Seed.Hint);
                AssertRead(all.Where(user => Bytewise.Compare(user.Key, absent) > 0).ToArray(), spilled.ReadAfter(absent));
            }

            foreach (var parts in (int[])[1, 2, 3, 16])
            {
                var ends = spilled.Split(parts);
                Assert.InRange(ends.Count, 1, parts);
                Assert.Equal(all[^1].Key, ends[^1]);
                Assert.All(ends, end => Assert.True(expected.ContainsKey(end)));
                Assert.Equal(ends.Order(Bytewise).Distinct(), ends);
            }

            // The next range starts empty.
            aggregator.Clear();
            Assert.Equal(0, aggregator.CountUsers());
        }
    }

    [Fact]
    public void A_failed_write_of_users_is_an_error_that_names_the_folder()
    {
        // A file has the name of the expected folder.
        using var folder = new TempDirectory();
        File.WriteAllText(folder.File("spool"), "");
        using var runs = new RunFile(folder.File("spool"));
        var users = new UserSums();
        users.Add("a"u8, 1);
        var error = Assert.Throws<SpoolException>(() => runs.Add(UserSort.Sort(users, new SortMemory())));
        Assert.StartsWith(folder.File("spool") + ": cannot write users that do not fit in memory", error.Message, StringComparison.Ordinal);
        Assert.Contains("Data:Directory", error.Message, StringComparison.Ordinal);
        Assert.Empty(runs.Runs);
    }

    [Fact]
    public void A_truncated_run_file_is_an_error()
    {
        using var folder = new TempDirectory();
        using var runs = new RunFile(folder.Path);
        var users = new UserSums();
        for (var i = 0; i < 20_000; i++)
        {
            users.Add(Encoding.UTF8.GetBytes($"user{i}"), i);
        }

        runs.Add(UserSort.Sort(users, new SortMemory()));
        RandomAccess.SetLength(runs.Runs[0].File, runs.Runs[0].End / 2);
        var reader = new SpilledUsers(runs.Runs).ReadAfter([]);
        Assert.Throws<SpoolException>(() =>
        {
            while (reader.Read())
            {
            }
        });
    }

    private static void AssertRead(ReadOnlySpan<KeyValuePair<byte[], Int128>> expected, IDeltaReader reader)
    {
        foreach (var (key, sum) in expected)
        {
            Assert.True(reader.Read() && reader.UserId.SequenceEqual(key) && reader.Delta == sum, Seed.Hint);
        }

        Assert.False(reader.Read());
    }
}
