namespace RevenueAspire.Events.Tests;

public sealed class RejectReasonsTests
{
    private static readonly RejectReason[] All = [.. Enum.GetValues<RejectReason>().Where(reason => reason != RejectReason.None)];

    [Fact]
    public void Each_reason_has_a_distinct_text_that_names_the_field()
    {
        Assert.Equal(All.Length, All.Select(reason => reason.Describe()).Distinct().Count());
        Assert.All(All, reason => Assert.StartsWith((reason.Field() ?? "line") + ": ", reason.Describe(), StringComparison.Ordinal));
        Assert.All(All, reason => Assert.DoesNotContain('\n', reason.Describe()));
    }

    [Fact]
    public void The_field_matches_the_name_of_the_reason() => Assert.All(All, reason => Assert.Equal(
        reason.ToString() switch
        {
            var name when name.StartsWith("UserId", StringComparison.Ordinal) => "userId",
            var name when name.StartsWith("Name", StringComparison.Ordinal) => "name",
            var name when name.StartsWith("Value", StringComparison.Ordinal) => "value",
            _ => null,
        },
        reason.Field()));

    [Fact]
    public void The_text_of_the_contract_is_unchanged() =>
        Assert.Equal("value: must be an integer without fraction or exponent", RejectReason.ValueNotAnInteger.Describe());

    [Fact]
    public void Texts_state_the_actual_limits()
    {
        Assert.Contains($" {EventParser.MaxDepth} ", RejectReason.TooDeep.Describe(), StringComparison.Ordinal);
        Assert.Contains($" {EventParser.MaxUserIdBytes} ", RejectReason.UserIdTooLong.Describe(), StringComparison.Ordinal);
        Assert.Contains($"{long.MinValue} to {long.MaxValue}", RejectReason.ValueOutOfRange.Describe(), StringComparison.Ordinal);
    }

    [Fact]
    public void None_has_no_text()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => RejectReason.None.Describe());
        Assert.Null(RejectReason.None.Field());
    }
}
