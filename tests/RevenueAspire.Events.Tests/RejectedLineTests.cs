using System.Text;

namespace RevenueAspire.Events.Tests;

/// <summary>Each rejection reason, and the one reported for a line with several faults.</summary>
public sealed class RejectedLineTests
{
    [Theory]
    [InlineData("x")]
    [InlineData("{")]
    [InlineData("{}}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}x")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}{}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1} // why")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",/**/\"value\":1}")]
    [InlineData("{\"userId\":\"u\" \"name\":\"add_revenue\",\"value\":1}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":01}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":-}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":+1}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1.}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":NaN}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1 2}")]
    [InlineData("{\"userId\":\"u\tv\",\"name\":\"add_revenue\",\"value\":1}")]
    [InlineData("{\"userId\":\"u\\x\",\"name\":\"add_revenue\",\"value\":1}")]
    [InlineData("{\"userId\":\"\\u12g4\",\"name\":\"add_revenue\",\"value\":1}")]
    [InlineData("{'userId':'u','name':'add_revenue','value':1}")]
    [InlineData("{userId:\"u\",\"name\":\"add_revenue\",\"value\":1}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}\0")]
    [InlineData("\uFEFF\uFEFF{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}")]
    [InlineData(" \uFEFF{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}")]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,\"x\":\"\u0001\"}")]
    [InlineData("[1,2")]
    public void Text_that_is_not_json_is_InvalidJson(string line) => Rejects(RejectReason.InvalidJson, line);

    [Theory]
    [InlineData("null")]
    [InlineData("1")]
    [InlineData("\"{}\"")]
    [InlineData("[{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}]")]
    [InlineData(" true ")]
    public void Any_json_other_than_an_object_is_NotAnObject(string line) => Rejects(RejectReason.NotAnObject, line);

    [Theory]
    [InlineData("C080")] // overlong NUL
    [InlineData("C1BF")] // overlong
    [InlineData("E0809F")] // overlong
    [InlineData("F0808080")] // overlong
    [InlineData("EDA080")] // a surrogate
    [InlineData("EDBFBF")] // a surrogate
    [InlineData("F4908080")] // above U+10FFFF
    [InlineData("F5808080")] // never a lead byte
    [InlineData("FF")]
    [InlineData("80")] // lone continuation
    [InlineData("C3")] // truncated
    [InlineData("E282")] // truncated
    [InlineData("F09F98")] // truncated
    [InlineData("EFBB")] // a truncated byte order mark
    public void Bytes_that_are_not_utf8_are_InvalidUtf8_at_any_position(string hex)
    {
        var bad = Convert.FromHexString(hex);
        foreach (var (before, after) in new[]
        {
            ("{\"userId\":\"u", "\",\"name\":\"add_revenue\",\"value\":1}"),
            ("{\"userId\":\"é", "é\",\"name\":\"add_revenue\",\"value\":1}"),
            ("{\"userId\":\"u\",\"name\":\"add_revenue", "\",\"value\":1}"),
            ("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,\"note\":\"", "\"}"),
            ("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,\"", "\":0}"),
            ("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}", ""),
            ("", "{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}"),
            ("", ""),
        })
        {
            var line = (byte[])[.. Encoding.UTF8.GetBytes(before), .. bad, .. Encoding.UTF8.GetBytes(after)];
            Assert.Equal(RejectReason.InvalidUtf8, EveryPath.Judge(line).Reason);
        }
    }

    [Theory]
    [InlineData("{}", RejectReason.UserIdMissing)]
    [InlineData("{\"UserId\":\"u\",\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdMissing)]
    [InlineData("{\"x\":{\"userId\":\"u\"},\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdMissing)]
    [InlineData("{\"userId\":1,\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdNotAString)]
    [InlineData("{\"userId\":null,\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdNotAString)]
    [InlineData("{\"userId\":[\"u\"],\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdNotAString)]
    [InlineData("{\"userId\":{},\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdNotAString)]
    [InlineData("{\"userId\":\"\",\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdEmpty)]
    [InlineData("{\"userId\":\"a\\u0000\",\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdHasNul)]
    [InlineData("{\"userId\":\"\\ud800\",\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdHasLoneSurrogate)]
    [InlineData("{\"userId\":\"\\uDC00\",\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdHasLoneSurrogate)]
    [InlineData("{\"userId\":\"\\ude00\\ud83d\",\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdHasLoneSurrogate)]
    [InlineData("{\"userId\":\"\\ud83d\\ud83d\\ude00\",\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdHasLoneSurrogate)]
    [InlineData("{\"userId\":\"\\ud83dx\\ude00\",\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdHasLoneSurrogate)]
    [InlineData("{\"userId\":\"\\ud83d\\n\",\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdHasLoneSurrogate)]
    [InlineData("{\"userId\":\"u\",\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1}", RejectReason.UserIdDuplicate)]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,\"userId\":\"u\"}", RejectReason.UserIdDuplicate)]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,\"user\\u0049d\":2}", RejectReason.UserIdDuplicate)]
    public void A_bad_userId_has_its_reason(string line, RejectReason reason) => Rejects(reason, line);

    [Theory]
    [InlineData("{\"userId\":\"u\",\"value\":1}", RejectReason.NameMissing)]
    [InlineData("{\"userId\":\"u\",\"name\":1,\"value\":1}", RejectReason.NameNotAString)]
    [InlineData("{\"userId\":\"u\",\"name\":null,\"value\":1}", RejectReason.NameNotAString)]
    [InlineData("{\"userId\":\"u\",\"name\":\"\",\"value\":1}", RejectReason.NameUnknown)]
    [InlineData("{\"userId\":\"u\",\"name\":\"refund\",\"value\":1}", RejectReason.NameUnknown)]
    [InlineData("{\"userId\":\"u\",\"name\":\"Add_revenue\",\"value\":1}", RejectReason.NameUnknown)]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue \",\"value\":1}", RejectReason.NameUnknown)]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\\u0000\",\"value\":1}", RejectReason.NameUnknown)]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\\ud800\",\"value\":1}", RejectReason.NameUnknown)]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"name\":\"add_revenue\",\"value\":1}", RejectReason.NameDuplicate)]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,\"name\":\"x\"}", RejectReason.NameDuplicate)]
    [InlineData("{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":1,\"n\\u0061me\":\"x\"}", RejectReason.NameDuplicate)]
    public void A_bad_name_has_its_reason(string line, RejectReason reason) => Rejects(reason, line);

    [Theory]
    [InlineData("\"1\"", RejectReason.ValueNotAnInteger)]
    [InlineData("null", RejectReason.ValueNotAnInteger)]
    [InlineData("true", RejectReason.ValueNotAnInteger)]
    [InlineData("[1]", RejectReason.ValueNotAnInteger)]
    [InlineData("1.0", RejectReason.ValueNotAnInteger)]
    [InlineData("1e3", RejectReason.ValueNotAnInteger)]
    [InlineData("1E0", RejectReason.ValueNotAnInteger)]
    [InlineData("-0.0", RejectReason.ValueNotAnInteger)]
    [InlineData("1e999999", RejectReason.ValueNotAnInteger)]
    [InlineData("99999999999999999999.5", RejectReason.ValueNotAnInteger)]
    [InlineData("9223372036854775808", RejectReason.ValueOutOfRange)]
    [InlineData("-9223372036854775809", RejectReason.ValueOutOfRange)]
    [InlineData("18446744073709551617", RejectReason.ValueOutOfRange)]
    [InlineData("100000000000000000000000", RejectReason.ValueOutOfRange)]
    [InlineData("1,\"value\":1", RejectReason.ValueDuplicate)]
    [InlineData("1,\"valu\\u0065\":1", RejectReason.ValueDuplicate)]
    public void A_bad_value_has_its_reason(string value, RejectReason reason) =>
        Rejects(reason, $"{{\"userId\":\"u\",\"name\":\"add_revenue\",\"value\":{value}}}");

    [Fact]
    public void A_missing_value_has_its_reason() => Rejects(RejectReason.ValueMissing, "{\"userId\":\"u\",\"name\":\"add_revenue\"}");

    [Theory]
    [InlineData("{\"userId\":\"\",\"name\":\"refund\",\"value\":1.5}", RejectReason.UserIdEmpty)]
    [InlineData("{\"value\":1.5,\"name\":\"refund\",\"userId\":\"u\"}", RejectReason.NameUnknown)]
    [InlineData("{\"userId\":1,\"userId\":2}", RejectReason.UserIdDuplicate)]
    [InlineData("{\"userId\":\"\",\"name\":\"refund\",\"value\":1.5", RejectReason.InvalidJson)]
    [InlineData("{\"userId\":\"\\u0000\\ud800\",\"name\":\"refund\",\"value\":1.5}", RejectReason.UserIdHasLoneSurrogate)]
    public void With_several_faults_the_outermost_is_reported_then_userId_name_value(string line, RejectReason reason) => Rejects(reason, line);

    [Fact]
    public void A_lone_surrogate_after_the_length_limit_is_still_reported() =>
        Rejects(RejectReason.UserIdHasLoneSurrogate, $"{{\"userId\":\"{new string('x', 300)}\\ud800\",\"name\":\"add_revenue\",\"value\":1}}");

    private static void Rejects(RejectReason reason, string line)
    {
        var answer = EveryPath.Judge(line);
        Assert.Equal(ParsedLine.Rejected(reason), answer with { Compact = null });
        Assert.Equal("", answer.Compact);
    }
}
