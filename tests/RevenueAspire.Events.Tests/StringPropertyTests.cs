using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;

namespace RevenueAspire.Events.Tests;

/// <summary>Properties over arbitrary input. FsCheck shrinks a failing input to the smallest one, and prints it with its replay seed.</summary>
public sealed class StringPropertyTests
{
    private static readonly Config Thorough = Config.QuickThrowOnFailure.WithMaxTest(3000);

    [Fact]
    public void Any_text_written_by_System_Text_Json_is_parsed_back_to_its_bytes()
    {
        JsonSerializerOptions[] spellings = [new(), new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }];
        Check.One(Thorough, Prop.ForAll(ArbMap.Default.ArbFor<string?>(), text =>
        {
            // The serializer replaces lone surrogates, so do the same here.
            var clean = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text ?? "x"));
            foreach (var spelling in spellings)
            {
                var answer = EveryPath.Judge($"{{\"userId\":{JsonSerializer.Serialize(clean, spelling)},\"name\":\"add_revenue\",\"value\":1}}");
                var isFine = clean.Length > 0 && !clean.Contains('\0', StringComparison.Ordinal) && Encoding.UTF8.GetByteCount(clean) <= 256;
                Assert.Equal(isFine ? Convert.ToHexString(Encoding.UTF8.GetBytes(clean)) : null, answer.UserIdHex);
            }
        }));
    }

    [Fact]
    public void Text_of_escaped_code_units_is_rejected_exactly_if_a_surrogate_is_unpaired()
    {
        var units = Gen.Elements('a', '\u00e9', '\ud83d', '\ude00', '\ud800', '\udfff', '\uffff').ArrayOf().ToArbitrary();
        Check.One(Thorough, Prop.ForAll(units, text =>
        {
            var escaped = string.Concat(text.Select(unit => $"\\u{(int)unit:x4}"));
            var answer = EveryPath.Judge($"{{\"userId\":\"u{escaped}\",\"name\":\"add_revenue\",\"value\":1}}");
            var bytes = Encoding.UTF8.GetBytes("u" + new string(text));
            var isText = Encoding.UTF8.GetString(bytes) == "u" + new string(text);
            Assert.Equal(isText ? bytes.Length > 256 ? RejectReason.UserIdTooLong : RejectReason.None : RejectReason.UserIdHasLoneSurrogate, answer.Reason);
        }));
    }

    [Fact]
    public void All_paths_agree_on_any_bytes_in_a_user_id() => Check.One(Thorough, Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes =>
    {
        EveryPath.Judge([.. "{\"userId\":\""u8, .. bytes ?? [], .. "\",\"name\":\"add_revenue\",\"value\":1}"u8]);
    }));
}
