namespace RevenueAspire.EventLog.Tests;

public sealed class ReceiptTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    [InlineData(long.MaxValue)]
    public void A_receipt_is_parsed_from_its_text(long offset)
    {
        var receipt = new Receipt(Guid.NewGuid(), offset);

        Assert.True(Receipt.TryParse(receipt.ToString(), out var parsed));
        Assert.Equal(receipt, parsed);
        Assert.Equal($"{receipt.LogId:N}:{offset}", receipt.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("0123456789abcdef0123456789abcdef")]
    [InlineData("0123456789abcdef0123456789abcdef:")]
    [InlineData("0123456789abcdef0123456789abcdef:-1")]
    [InlineData("0123456789abcdef0123456789abcdef:+1")]
    [InlineData("0123456789abcdef0123456789abcdef:01")]
    [InlineData("0123456789abcdef0123456789abcdef: 1")]
    [InlineData("0123456789abcdef0123456789abcdef:1 ")]
    [InlineData("0123456789abcdef0123456789abcdef:9223372036854775808")]
    [InlineData("0123456789ABCDEF0123456789abcdef:1")]
    [InlineData("0123456789abcdef0123456789abcde:12")]
    [InlineData("01234567-89ab-cdef-0123-456789abcdef:1")]
    public void Any_other_text_is_refused(string text) => Assert.False(Receipt.TryParse(text, out _));
}
