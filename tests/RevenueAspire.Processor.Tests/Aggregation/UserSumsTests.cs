using System.Text;
using RevenueAspire.Processor.Aggregation;
using RevenueAspire.Testing;

namespace RevenueAspire.Processor.Tests.Aggregation;

public sealed class UserSumsTests
{
    [Theory]
    [InlineData(1, 300)]
    [InlineData(1000, 5000)]
    [InlineData(60_000, 200_000)]
    public void Sums_equal_those_of_a_dictionary_even_after_Clear(int users, int additions)
    {
        var random = Seed.Random($"{nameof(UserSumsTests)} {users}");
        var sums = new UserSums();
        for (var round = 0; round < 2; round++)
        {
            sums.Clear();
            var expected = new Dictionary<string, Int128>(StringComparer.Ordinal);
            for (var i = 0; i < additions; i++)
            {
                var number = random.Next(users);
                var user = new string((char)('a' + number % 26), number % 250) + number;
                Int128 delta = random.Next(4) == 0 ? (Int128)random.NextInt64() * random.Next(-9, 9) : random.Next(-5, 5);
                sums.Add(Encoding.UTF8.GetBytes(user), delta);
                expected[user] = expected.GetValueOrDefault(user) + delta;
            }

            Assert.True(expected.Count == sums.Count, Seed.Hint);
            var records = new uint[sums.Count];
            sums.CopyRecords(records);
            Assert.Equal(expected.Count, records.Distinct().Count());
            foreach (var record in records)
            {
                var user = Encoding.UTF8.GetString(sums.UserId(record));
                Assert.True(expected[user] == sums.Sum(record), $"{user}, {Seed.Hint}");
                Assert.True(sums.TryFind(sums.UserId(record), out var found) && found == record);
            }
        }
    }

    [Fact]
    public void Sums_beyond_64_bits_are_exact_and_count_twice_against_the_limit()
    {
        var sums = new UserSums();
        for (var i = 0; i < 1000; i++)
        {
            sums.Add("a"u8, long.MaxValue);
            sums.Add("b"u8, -(Int128)long.MinValue);
            sums.Add("c"u8, 1);
        }

        Assert.Equal(3, sums.Count);
        Assert.Equal(5, sums.Weight);
        Assert.True(sums.TryFind("a"u8, out var a) && sums.Sum(a) == (Int128)long.MaxValue * 1000);
        Assert.True(sums.TryFind("b"u8, out var b) && sums.Sum(b) == (Int128)long.MinValue * -1000);
        Assert.False(sums.TryFind("d"u8, out _));
    }

    [Fact]
    public void Single_events_that_exceed_64_bits_on_either_side_are_exact()
    {
        var users = new UserSums();
        Int128 expected = 0;
        foreach (var delta in (long[])[long.MaxValue, long.MaxValue, 1, -5, long.MinValue, long.MinValue, long.MinValue, long.MinValue, -1, 7])
        {
            users.Add("a"u8, KeyHash.Compute("a"u8), delta);
            expected += delta;
            Assert.True(users.TryFind("a"u8, out var record));
            Assert.Equal(expected, users.Sum(record));
        }
    }

    [Fact]
    public void Users_in_other_tables_are_found_for_any_split()
    {
        var tables = new[] { new UserSums(), new UserSums(), new UserSums() };
        for (var user = 0; user < 5000; user++)
        {
            var id = System.Text.Encoding.UTF8.GetBytes($"user{user}");
            tables[user % 3].Add(id, 1);
            tables[user * 7 % 3].Add(id, 1);
            if (user % 2 == 0)
            {
                tables[2].Add(id, 1);
            }
        }

        long Count(int table, int shares) =>
            Enumerable.Range(0, shares).Sum(share => DistinctUsers.CountNotIn(tables.AsSpan(0, table), tables[table], share, shares));
        Assert.Equal(5000, tables[0].Count + Count(1, 1) + Count(2, 1));
        Assert.Equal(5000, tables[0].Count + Count(1, 3) + Count(2, 5));
    }

    [Fact]
    public void Sorting_returns_byte_order_and_adds_up_users_of_several_tables()
    {
        var random = Seed.Random(nameof(Sorting_returns_byte_order_and_adds_up_users_of_several_tables));
        foreach (var (count, tables) in new[] { (0, 1), (1, 2), (10, 3), (400, 1), (5000, 2), (20_000, 4) })
        {
            var parts = Enumerable.Range(0, tables).Select(_ => new UserSums()).ToArray();
            var expected = new SortedDictionary<byte[], Int128>(Comparer<byte[]>.Create((left, right) => left.AsSpan().SequenceCompareTo(right)));
            for (var i = 0; i < count; i++)
            {
                // Common prefixes of every length, keys that are prefixes of others, bytes above 0x7f.
                var key = Encoding.UTF8.GetBytes("customer" + new string('0', random.Next(20)) + random.Next(count) + (random.Next(3) == 0 ? "é😀" : ""))[..];
                var delta = random.NextInt64();
                parts[random.Next(tables)].Add(key, delta);
                expected[key] = expected.GetValueOrDefault(key) + delta;
            }

            AssertSorted(expected, UserSort.Sort(parts));
            if (tables == 1)
            {
                // Memory from an earlier sort of more users.
                var memory = new SortMemory();
                memory.Reserve(count + random.Next(100));
                AssertSorted(expected, UserSort.Sort(parts[0], memory));
            }
        }
    }

    private static void AssertSorted(SortedDictionary<byte[], Int128> expected, SortedUsers sorted)
    {
        Assert.Equal(expected.Count, sorted.Count);
        var reader = sorted.ReadAfter([]);
        foreach (var (key, sum) in expected)
        {
            Assert.True(reader.Read() && reader.UserId.SequenceEqual(key) && reader.Delta == sum, $"{expected.Count} users, {Seed.Hint}");
        }

        Assert.False(reader.Read());
    }
}
